"""Whether an address answers as it should: over HTTP(S), or over TCP."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import TYPE_CHECKING

from baton.messages import Look
from baton.outcome import duration

if TYPE_CHECKING:
    import httpx

MOST_BODY = 1_000_000
"""Bytes of an answer that are looked at."""
DAY = 86_400.0


class Reaching:
    """Asks addresses. What goes out over HTTP is made when it is first needed, for an agent without
    such probes need not hold it in memory."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def wrong(self, look: Look) -> str:
        """What is wrong with the address that `look` is at; empty if nothing is."""
        try:
            async with asyncio.timeout(look.timeout):
                if not look.url:
                    return await _tcp(look.tcp)
                if self._client is None:
                    self._client = _client()
                return await _http(look, self._client)
        except TimeoutError:
            return f"no answer within {duration(look.timeout)}"
        except OSError as error:
            return os.strerror(error.errno).lower() if error.errno else str(error)

    async def close(self) -> None:
        """Let go of its connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _client() -> httpx.AsyncClient:
    """It trusts whom this machine trusts, a company's own authority too, and the authorities that
    httpx brings along."""
    import httpx

    trusted = httpx.create_ssl_context(trust_env=False)
    trusted.load_default_certs()
    return httpx.AsyncClient(trust_env=False, verify=trusted)


async def _http(look: Look, by: httpx.AsyncClient) -> str:
    import httpx

    try:
        return await _answered(look, by)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__


async def _answered(look: Look, by: httpx.AsyncClient) -> str:
    begun = time.monotonic()
    body = bytearray()
    async with by.stream("GET", look.url, timeout=look.timeout) as answer:
        ends = _certificate_ends(answer)
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) >= MOST_BODY:
                break
    took = time.monotonic() - begun
    if answer.status_code not in look.status:
        wanted = " or ".join(map(str, look.status))
        return f"answered {answer.status_code}, not {wanted}"
    if look.body and look.body not in body.decode(errors="replace"):
        return f"its answer does not hold “{look.body}”"
    if look.latency is not None and took > look.latency:
        return f"answered after {duration(took)}, not within {duration(look.latency)}"
    if ends is not None:
        days = (ends - time.time()) / DAY
        if days < look.tls_days:
            return f"its certificate ends in {days:.0f} days"
    return ""


def _certificate_ends(answer: httpx.Response) -> float | None:
    """When the certificate ends, in Unix seconds; None without TLS."""
    stream = answer.extensions.get("network_stream")
    connection = stream.get_extra_info("ssl_object") if stream is not None else None
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return None
    ends = (connection.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


async def _tcp(address: str) -> str:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    return ""
