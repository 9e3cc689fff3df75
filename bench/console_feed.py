"""Console, feed: 500 people watch one job; the same 50 when the bot stops and starts again.

Late: from when a line is written to when a client has it; of each event the oldest line counts.
What the console uses contains the writing of the output. Health is asked meanwhile on a connection
of its own, by a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import multiprocessing
import os
import re
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import urlsplit

from typing_extensions import override

from bench import harness
from bench.harness import Options, Process, ms, percentile
from bot.app.garbage import RETURN_INTERVAL
from tests.support.ports import free_port
from tests.support.wait import until

RATE = 100
LATE, CPU, MEMORY, BACK, HEALTH = 1.0, 60.0, 200.0, 10.0, 0.05
"""Targets: p99 in seconds, % of a core, KB a client, % of RSS above the one before, p99 of /healthz
in seconds."""
STOP, RESUMED = 3.0, 5.0
REST = RETURN_INTERVAL + 10
"""Seconds after which a bot has given back the memory that is free."""
_OLDEST = re.compile(rb"id: ([\d.]+)\nevent: news\n|T=(\d+\.\d+)")
_LINE = b'"line":'


class Client(asyncio.Protocol):
    """A client that counts lines, and how late the oldest of each event is."""

    def __init__(self, job: str, number: int, last: bytes = b"") -> None:
        self.lines = 0
        self.late: list[float] = []
        self.last = last
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.heard = asyncio.Event()
        self._head = (
            f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: x\r\nX-Who: person-{number % 50}\r\n"
        ).encode()
        self._rest = b""
        self._first = False
        self.transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        last = b"Last-Event-ID: " + self.last + b"\r\n" if self.last else b""
        transport.write(self._head + last + b"\r\n")

    @override
    def data_received(self, data: bytes) -> None:
        if b"HTTP/1.1 200" in data:
            self.answered.set()
        # an event may come in pieces: count what is whole
        data = self._rest + data
        cut = data.rfind(b"\n\n") + 1
        whole, self._rest = data[:cut], data[cut:]
        self.lines += whole.count(_LINE)
        at = time.time()
        for found in _OLDEST.finditer(whole):
            id, written = found.groups()
            if id is not None:
                self.last, self._first = id, True
                self.heard.set()
            elif self._first:
                self.late.append(at - float(written))
                self._first = False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


async def connected(url: str, job: str, count: int, lasts: list[bytes]) -> list[Client]:
    """So many clients that watch `job`, each from where `lasts` says."""
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    made: list[Client] = []
    for number in range(count):
        last = lasts[number] if lasts else b""
        _, client = await loop.create_connection(
            lambda number=number, last=last: Client(job, number, last),  # type: ignore[misc]
            address.hostname or "",
            address.port or 0,
        )
        made.append(client)
        if number % 50 == 49:
            # more than 200 requests that are not answered yet are sent away
            await asyncio.gather(*(one.answered.wait() for one in made))
    return made


def health(url: str, seconds: float) -> list[float]:
    """How long /healthz takes, ten times a second."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    taken: list[float] = []
    until_then = time.monotonic() + seconds
    while time.monotonic() < until_then:
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        taken.append(time.perf_counter() - began)
        time.sleep(0.1)
    connection.close()
    return taken


async def left(clients: list[Client]) -> None:
    """Return once all `clients` have closed their connections."""
    for client in clients:
        assert client.transport is not None
        client.transport.close()
    await asyncio.gather(*(client.ended.wait() for client in clients))


async def watched_once(site: Process, url: str, job: str, count: int) -> int:
    """Have `count` clients watch `job` for a second; return how many lines there were."""
    clients = await connected(url, job, count, [])
    await site.tell(f"say {RATE} 1")
    said = int((await site.line()).split()[1])
    await until(lambda: all(client.lines >= said for client in clients))
    await left(clients)
    return said


async def crowd(site: Process, url: str, job: str, count: int, seconds: float, rest: float) -> None:
    """`count` clients on one job. Of a crowd Python keeps what the next one needs, so they are the
    second: `rest` seconds after the first the bot has given back what it does not keep."""
    # once: what is loaded and allocated only once is no client's
    for client in await connected(url, job, 1, []):
        await client.heard.wait()
        await left([client])
    cold = site.memory[0]
    warm = await watched_once(site, url, job, count)
    await asyncio.sleep(rest)
    before = site.memory[0]
    clients = await connected(url, job, count, [])
    await until(lambda: all(client.lines >= warm for client in clients))
    for client in clients:
        client.late.clear()  # of the lines before
    cpu, began = site.cpu, time.monotonic()
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pool:
        asking = asyncio.get_running_loop().run_in_executor(pool, health, url, seconds)
        await site.tell(f"say {RATE} {seconds}")
        said = int((await site.line(seconds + 120)).split()[1])
        used = (site.cpu - cpu) / (time.monotonic() - began) * 100
        taken = await asking
    said += warm
    await until(lambda: all(client.lines >= said for client in clients))
    during = site.memory[0]
    wrong = sum(client.lines != said for client in clients)
    late = [one for client in clients for one in client.late]
    await left(clients)

    def more() -> float:
        return (site.memory[0] / before - 1) * 100

    with contextlib.suppress(AssertionError):
        await until(lambda: more() < BACK, timeout=rest)
    print(f"{count} clients, {RATE} lines/s for {seconds:g} s: {said} lines each")
    print(f"line to client: p50 {ms(percentile(late, 50))}, p99 {ms(percentile(late, 99))}")
    rss = f"RSS: {cold:.1f} MB cold, {before:.1f} MB after a first crowd, {during:.1f} MB with all"
    print(f"{rss}, {more():+.1f} % after they left")
    harness.verdict("clients with missing or doubled lines", wrong, 0)
    harness.verdict("p99 line to client", percentile(late, 99), LATE, unit=" s")
    harness.verdict("processor", used, CPU, unit=" % of a core")
    harness.verdict("RSS a client", (during - cold) * 1024 / count, MEMORY, unit=" KB")
    harness.verdict("RSS after they left", more(), BACK, unit=" % more than after the first")
    harness.verdict("p99 of /healthz meanwhile", percentile(taken, 99), HEALTH, unit=" s")


async def stopped_and_started(folder: str, count: int) -> None:
    """`count` streams are open when the bot is stopped, and come back when it runs again."""
    database, port = f"sqlite:///{folder}/stop.db", free_port()
    argv = (*harness.program("bench.console_site"), database, str(port))
    async with harness.process(*argv) as site:
        url, job = (await site.line()).split()
        clients = await connected(url, job, count, [])
        await site.tell(f"say {RATE} 1")
        await site.line()
        await until(lambda: all(client.lines >= RATE for client in clients))
        began = time.monotonic()
        os.kill(site.pid, signal.SIGTERM)
        await asyncio.gather(*(client.ended.wait() for client in clients))
        closed = time.monotonic() - began
        await until(lambda: not site.running)
        stop = time.monotonic() - began
    async with harness.process(*argv) as site:
        await site.line()
        began = time.monotonic()
        again = await connected(url, job, count, [client.last for client in clients])
        await asyncio.gather(*(client.answered.wait() for client in again))
        resumed = time.monotonic() - began
    print(f"{count} streams: closed {ms(closed)} after SIGTERM, the process ended after {ms(stop)}")
    harness.verdict("SIGTERM with open streams", stop, STOP, unit=" s")
    harness.verdict("all resumed after the next start", resumed, RESUMED, unit=" s")


async def main(options: Options) -> None:
    """Measure, and print what was found."""
    with harness.folder() as folder:
        argv = (*harness.program("bench.console_site"), f"sqlite:///{folder}/crowd.db", "0")
        async with harness.process(*argv) as site:
            url, job = (await site.line()).split()
            count, seconds = options.size(500, 10), options.size(120, 2)
            await crowd(site, url, job, count, seconds, options.size(round(REST), 0))
        await stopped_and_started(str(folder), options.size(50, 5))


if __name__ == "__main__":
    harness.run(main, __doc__)
