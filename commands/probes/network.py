"""A network probe checks whether an address answers as it should: over HTTP(S), or over TCP.

Each probe stands for itself: it has its own connection, no cookies, and follows no redirects, so
that one probe changes nothing for the next.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from baton.agent.probing import ProbeResult
from baton.authorities import trusted
from baton.bus.messages import Look
from baton.outcome import duration
from baton.text.charsets import decoded
from baton.text.printable import printable
from commands.probes.resolving import Busy, NameResolver, connected

if TYPE_CHECKING:
    import httpx

MAX_BODY = 1_000_000
"""Bytes of an answer that are looked at."""
DAY = 86_400.0
_UNKNOWN = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class NetworkProbe:
    """A network probe asks addresses.

    What HTTP needs is made when it is first used: an agent without such probes need not hold it in
    memory.
    """

    def __init__(self, names: NameResolver | None = None) -> None:
        self._names = names or NameResolver()
        self._trusted: ssl.SSLContext | None = None

    async def look(self, look: Look) -> ProbeResult | None:
        """Return what is found at the address of `look`; None if it could not be checked."""
        wrong = await self.wrong(look)
        return None if wrong is None else ProbeResult(bool(wrong), wrong)

    async def wrong(self, look: Look) -> str | None:
        """Return what is wrong with that address; empty if nothing is, None if it could not be
        checked."""
        try:
            host, port = target(look)
        except ValueError as error:
            return printable(f"invalid URL {look.url}: {error}")
        addresses: Sequence[str] = ()
        begun = time.monotonic()
        try:
            async with asyncio.timeout(look.timeout):
                addresses = await self._names.addresses(host)
                if not look.url:
                    return await _tcp(addresses, port)
                return await self._http(look, host, addresses, begun)
        except Busy:
            return None
        except TimeoutError:
            if not addresses:
                return f"the name {host} was not resolved within {duration(look.timeout)}"
            return f"no answer within {duration(look.timeout)}"
        except OSError as error:
            return reason(error, host)

    async def _http(self, look: Look, host: str, addresses: Sequence[str], begun: float) -> str:
        import httpx

        if self._trusted is None:
            self._trusted = trusted()
        transport = httpx.AsyncHTTPTransport(verify=self._trusted, trust_env=False)
        # httpx has no name for what its connections are made by
        pool: Any = transport._pool
        pool._network_backend = _At(addresses, pool._network_backend)
        # to ask for no compression keeps what comes as small as MAX_BODY says
        headers = {"Connection": "close", "Accept-Encoding": "identity"}
        client = httpx.AsyncClient(transport=transport, trust_env=False, headers=headers)
        async with client:
            try:
                return await _answered(look, client, begun)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                return reason(error, host)


class _At:
    """Makes the connections of httpx, to addresses that are known already. Keeps
    httpcore.AsyncNetworkBackend, as far as it is used."""

    def __init__(self, addresses: Sequence[str], by: Any) -> None:
        self._addresses = addresses
        self._by = by

    async def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
        return await connected(
            self._addresses, lambda address: self._by.connect_tcp(address, port, **options)
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def target(look: Look) -> tuple[str, int]:
    """Return the host and the port of `look`. Raises ValueError if its URL is not valid."""
    if look.tcp:
        host, _, port = look.tcp.rpartition(":")
        return host.strip("[]"), int(port)
    import httpx

    try:
        url = httpx.URL(look.url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None
    if not url.host:
        raise ValueError("it names no host")
    return url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80)


def reason(error: BaseException, host: str) -> str:
    """Return why `host` could not be reached, in words that need no knowledge of the libraries."""
    root: BaseException | None = error
    while root is not None:
        if isinstance(root, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {root.verify_message}"
        if isinstance(root, ssl.SSLError):
            return f"TLS failed: {(root.reason or str(root)).replace('_', ' ').lower()}"
        if isinstance(root, socket.gaierror):
            if root.errno in _UNKNOWN:
                return f"unknown host name {host}"
            return f"the name {host} cannot be resolved: {root.strerror}"
        if isinstance(root, OSError) and root.errno:
            return os.strerror(root.errno).lower()
        root = root.__cause__ or root.__context__
    return str(error) or type(error).__name__


async def _answered(look: Look, by: httpx.AsyncClient, begun: float) -> str:
    body = bytearray()
    async with by.stream("GET", look.url, timeout=look.timeout) as answer:
        ends = _certificate_ends(answer)
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) >= MAX_BODY:
                break
    took = time.monotonic() - begun
    if answer.status_code not in look.status:
        wanted = " or ".join(map(str, look.status))
        return f"answered {answer.status_code}, not {wanted}"
    if look.body and look.body not in decoded(bytes(body), answer.charset_encoding or ""):
        return f"its response does not contain “{look.body}”"
    if look.latency is not None and took > look.latency:
        return f"answered after {duration(took)}, not within {duration(look.latency)}"
    if ends is not None:
        days = (ends - time.time()) / DAY
        if days < look.tls_days:
            return f"its certificate expires in {_days(days, look.tls_days)} days"
    return ""


def _days(left: float, wanted: int) -> str:
    """So many that it does not read as if they were enough."""
    return f"{left:.0f}" if round(left) < wanted else f"{math.floor(left * 10) / 10:g}"


def _certificate_ends(answer: httpx.Response) -> float | None:
    """Return when the certificate expires, in Unix seconds; None without TLS."""
    stream = answer.extensions.get("network_stream")
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return None
    ends = (connection.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


async def _tcp(addresses: Sequence[str], port: int) -> str:
    async def connect(address: str) -> asyncio.StreamWriter:
        return (await asyncio.open_connection(address, port))[1]

    writer = await connected(addresses, connect)
    writer.close()
    return ""
