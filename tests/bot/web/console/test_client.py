"""`baton.client` against a real console: what it assembles is what the ledger has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
from typing_extensions import override

from baton.bus.messages import State
from baton.client import Client, ClientSettings, Ending, Patience
from bot.app.console import serve_console
from bot.web.console.access import LocalAccess
from bot.web.server import WebServer
from tests.bot.build import ANN
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob
from tests.support.wait import until

QUICK = Patience(first=0.01, longest=0.05, watch=60)
Lines = dict[tuple[str, int], str]


class Cutting(httpx.AsyncHTTPTransport):
    """Connections that break after some bytes of an answer, as long as `cuts` are left."""

    def __init__(self, cuts: int, seed: int) -> None:
        super().__init__()
        self.cuts = cuts
        self._random = random.Random(seed)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self.cuts and request.url.path.endswith("/events"):
            self.cuts -= 1
            whole = response.stream
            assert isinstance(whole, httpx.AsyncByteStream)
            response.stream = _Cut(whole, self._random.randrange(20_000))
        return response


class _Cut(httpx.AsyncByteStream):
    def __init__(self, whole: httpx.AsyncByteStream, size: int) -> None:
        self._whole = whole
        self._size = size

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._size
        async for piece in self._whole:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                raise httpx.ReadError("cut")

    @override
    async def aclose(self) -> None:
        await self._whole.aclose()


async def watched(client: Client, job: str, into: Lines) -> None:
    async for frame in client.watch(job):
        for line in frame.lines:
            assert (line.host, line.line) not in into, "it came twice"
            into[line.host, line.line] = line.text


async def in_ledger(console: Console, job: str) -> Lines:
    found: Lines = {}
    async with Client(ClientSettings(console.web.url)) as client:
        for run in (await client.job(job)).runs:
            for first in range(1, (run.lines or 0) + 1, 1000):
                lines = await client.log(job, run.host, first=first, count=1000)
                found |= {(line.host, line.line): line.text for line in lines}
    return found


async def test_connections_that_break_lose_nothing(console: Console) -> None:
    """Cut thirty times at random bytes while lines come: each line once, in the end and meanwhile,
    and the outcome."""
    job = await RunningJob.begin(console.bot.store, "web-1", "web-2")
    transport, lines = Cutting(30, seed=7), Lines()
    async with Client(ClientSettings(console.web.url), patience=QUICK, transport=transport) as one:
        watching = asyncio.create_task(watched(one, job.id, lines))
        for first in range(1, 4001, 200):
            for host in ("web-1", "web-2"):
                await job.count(host, first, 200)
        await until(lambda: not transport.cuts)
        await job.end("web-1", State.SUCCEEDED, "done")
        await job.end("web-2", State.LOST, "nothing was heard")
        async with asyncio.timeout(60):
            await watching
        assert (await one.job(job.id)).ending is Ending.UNKNOWN
    assert len(lines) == 8002
    assert lines == await in_ledger(console, job.id)


async def test_a_console_that_restarts_is_come_back_to(console: Console) -> None:
    """On the same address, in another process as it were: the watch goes on where it was."""
    job = await RunningJob.begin(console.bot.store, "web-1")
    lines, url = Lines(), console.web.url
    async with Client(ClientSettings(url), patience=QUICK) as client:
        watching = asyncio.create_task(watched(client, job.id, lines))
        await job.count("web-1", 1, 10)
        await until(lambda: len(lines) == 10)
        await console.web.stop()
        await job.count("web-1", 11, 10)
        web = WebServer.listen("127.0.0.1", int(url.rpartition(":")[2]))
        serve_console(web, console.bot, LocalAccess(ANN, "terminal", [url]))
        await until(lambda: len(lines) == 20)
        await job.end("web-1", State.SUCCEEDED, "done")
        async with asyncio.timeout(60):
            await watching
        await web.stop()
    assert list(lines.values()) == [*(f"line {at}" for at in range(1, 21)), "done"]
