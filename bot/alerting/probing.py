"""Probes that the bot runs itself while it leads: over HTTP(S) and TCP, from where it is."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time

import httpx
import structlog

from alerts import Sample
from alerts.settings import ProbeTable
from baton.outcome import duration
from bot.alerting.keeper import Keeper

log = structlog.get_logger(__name__)

TOGETHER = 50
"""Probes at once, at most."""
MOST_BODY = 1_000_000
"""Bytes of an answer that are looked at."""
DAY = 86_400.0


class Probing:
    """Runs each probe that `keeper` is to keep, as often as it says, and tells it what came of
    it."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._others = asyncio.Event()
        self._free = asyncio.Semaphore(TOGETHER)

    def reload(self) -> None:
        """The settings are others."""
        self._others.set()

    async def run(self) -> None:
        """Probe, until cancelled."""
        while True:
            async with httpx.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._repeat(probe, client), name=f"probe {probe.name}")
                    for probe in self._keeper.settings.probe
                ]
                await self._others.wait()
                self._others.clear()
                for task in tasks:
                    task.cancel()

    async def _repeat(self, probe: ProbeTable, client: httpx.AsyncClient) -> None:
        # not all of them at once
        await asyncio.sleep(random.uniform(0, min(probe.every, 5.0)))
        while True:
            begun = time.monotonic()
            async with self._free:
                wrong = await checked(probe, client)
            self._keeper.observe(
                Sample(
                    probe.identity,
                    bool(wrong),
                    self._keeper.now(),
                    wrong,
                    probe.severity,
                    source=probe.source,
                )
            )
            await asyncio.sleep(max(probe.every - (time.monotonic() - begun), 0.0))


async def checked(probe: ProbeTable, client: httpx.AsyncClient) -> str:
    """What is wrong with what `probe` looks at; empty if nothing is."""
    try:
        async with asyncio.timeout(probe.timeout):
            if probe.url:
                return await _http(probe, probe.url, client)
            return await _tcp(probe.tcp or "")
    except TimeoutError:
        return f"no answer within {duration(probe.timeout)}"
    except OSError as error:
        return os.strerror(error.errno).lower() if error.errno else str(error)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__
    except Exception as error:
        # one that fails in a way of its own must not end all others
        log.exception("a probe failed", probe=probe.name)
        return f"the probe itself failed: {type(error).__name__}"


async def _http(probe: ProbeTable, url: str, client: httpx.AsyncClient) -> str:
    begun = time.monotonic()
    body = bytearray()
    async with client.stream("GET", url, timeout=probe.timeout) as answer:
        certificate = _certificate(answer)
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) >= MOST_BODY:
                break
    took = time.monotonic() - begun
    if answer.status_code not in probe.status:
        wanted = " or ".join(map(str, probe.status))
        return f"answered {answer.status_code}, not {wanted}"
    if probe.body and probe.body not in body.decode(errors="replace"):
        return f"its answer does not hold “{probe.body}”"
    if probe.latency is not None and took > probe.latency:
        return f"answered after {duration(took)}, not within {duration(probe.latency)}"
    if certificate is not None:
        days = (certificate - time.time()) / DAY
        if days < probe.tls_days:
            return f"its certificate ends in {days:.0f} days"
    return ""


def _certificate(answer: httpx.Response) -> float | None:
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
