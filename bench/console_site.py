"""The console under measurement: a bot on a bus in memory, its pages and its API, in a process of
its own.

`python -m bench.console_site DATABASE PORT` prints its address and the id of a new job that runs.
It reads `say RATE SECONDS` and has a server report so many lines a second, each with the time at
which it was written. SIGTERM ends it as it ends a bot.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time

from fastapi import Request
from typing_extensions import override

from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Person, State, Update, now
from bench import harness
from bot.app.console import serve_console
from bot.jobs import NewJob, console_place
from bot.store import Store
from bot.web.console.access import Access, Viewer
from bot.web.server import WebServer
from tests.bot.store.build import asked, deploy, update
from tests.bot.world import a_bot, no_groups

BATCHES = 10
"""Transactions a second: updates come together."""


class HeaderAccess(Access):
    """Everybody is whom their request says that they are."""

    @override
    async def viewer(self, request: Request, *, only_reads: bool = False) -> Viewer:
        name = request.headers.get("x-who", "ann")
        return Viewer(Person(id=name, name=name), no_groups, console_place("bench"), name)


class Server:
    """The one server of a job, which reports its output."""

    def __init__(self, store: Store, new: NewJob) -> None:
        self._store = store
        self._new = new
        self._said = 0

    async def say(self, rate: int, seconds: float) -> int:
        """Report `rate` lines a second; return how many."""
        before, began = self._said, time.monotonic()
        for batch in range(int(seconds * BATCHES)):
            await asyncio.sleep(max(0.0, began + batch / BATCHES - time.monotonic()))
            said = [self._line() for _ in range(rate // BATCHES)]
            await self._store.ledger.apply_updates(said, now())
        return self._said - before

    def _line(self) -> Update:
        self._said += 1
        text = f"T={time.time():.4f} building module {self._said} of the shop, as it does each day"
        return update(self._new, "web-1", self._said, State.RUNNING, text=text, level="log")


async def main(database: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open(database)
        stack.push_async_callback(store.close)
        channel = MemoryChannel("memory://bench", on=MemoryBus("bench"))
        stack.push_async_callback(channel.close)
        bot = a_bot(store, channel)
        stack.push_async_callback(bot.stop)
        await bot.start()
        web = WebServer.listen("127.0.0.1", port)
        serve_console(web, bot, HeaderAccess())
        stack.push_async_callback(web.stop)
        new = await asked(store, deploy("web-1", asked=now()))
        server = Server(store, new)
        print(web.url, new.job.id, flush=True)
        commands = asyncio.create_task(_obey(server))
        await stopped.wait()
        commands.cancel()
        await asyncio.wait([commands])


async def _obey(server: Server) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _, rate, seconds = line.decode().split()
        print("said", await server.say(int(rate), float(seconds)), flush=True)


if __name__ == "__main__":
    harness.quiet()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
