"""Growth: what asking, hearing and looking around cost with more agents and with more history.

A SQLite ledger in this process, no bus. `look around` is what a bot does twice a second: read the
outbox and what is untold, and close what is overdue. Finished jobs were asked, heard and told.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, Person, State, Update, new_id, now
from baton.consumer import Extension
from baton.extensions import Commands
from bench import harness
from bench.harness import Options, interleaved, median, ms
from bench.peers.agent import Touch, TouchConsumer
from bot.app.dispatching import commands_of
from bot.jobs import Place
from bot.store import Store
from commands.ping import extension as ping_extension
from tests.bot.world import a_dispatch
from tests.support.policy import OPEN
from tests.support.servers import make_registry

ANN = Person(id="U_ANN", name="ann")
WHAT = {"ask": "asking", "hear": "hearing", "look": "looking around"}


@dataclass(frozen=True)
class Figure:
    """Seconds, and MB."""

    ask: float
    hear: float
    look: float
    ping: float
    memory: float


class Bench:
    """A dispatcher and a ledger, with servers."""

    def __init__(self, store: Store, file: Path, agents: int) -> None:
        self.store = store
        self._file = file
        self._servers = make_registry()
        for number in range(agents):
            host = f"web-{number}.example.net"
            facts = Facts(host=host, environment="prod", apps=("shop",))
            self._servers.record(Heartbeat(source=host, facts=facts, interval=3600))
        commands = commands_of(Commands([Extension(Touch, TouchConsumer), ping_extension]))
        self._dispatcher = a_dispatch(store, self._servers, OPEN, commands).dispatcher

    async def ask(self, words: str = "touch prod --host web-0.example.net") -> str:
        """The job that `words` begin."""
        reply = await self._dispatcher.ask(
            words, asker=ANN, groups=no_groups, place=Place("slack", "C_OPS"), key=new_id()
        )
        assert reply.ok, reply.text
        return reply.job

    async def send(self, count: int) -> None:
        """Mark the next `count` messages of the outbox as sent."""
        rows = await self.store.ledger.outbox(count)
        await self.store.ledger.settle({row.id: row.accept_by(now()) for row in rows}, at=now())

    async def finals(self, jobs: Sequence[str]) -> list[Update]:
        """The last word of every run of `jobs`."""
        found = [await self.store.ledger.job(job) for job in jobs]
        return [
            Update(
                source=run.host,
                job=run.job,
                request=run.request,
                host=run.host,
                environment="prod",
                command=each[0].command,
                sequence=1,
                state=State.SUCCEEDED,
                level="success",
                text="done",
            )
            for each in found
            if each is not None
            for run in each[1]
        ]

    def told(self) -> None:
        """Mark all that is over as told, as a bot does one by one."""
        with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as database:
            database.execute("UPDATE jobs SET told = 1 WHERE closed IS NOT NULL AND told = 0")

    async def look_around(self) -> None:
        """As `bot.app.upkeep` and `bot.outbox.relay` do."""
        await self.store.ledger.outbox(500)
        await self.store.ledger.unreported()
        await self.store.ledger.close_overdue(now(), now())

    async def finish(self, count: int) -> None:
        """`count` jobs more in the history."""
        while count > 0:
            some = min(count, 500)
            jobs = await asyncio.gather(*(self.ask() for _ in range(some)))
            await self.send(some)
            await self.store.ledger.apply_updates(await self.finals(jobs), now())
            count -= some
        self.told()

    async def measure(self, repeat: int) -> Figure:
        """What things cost now; what that adds is finished afterwards."""
        jobs: list[str] = []

        async def ask() -> None:
            jobs.append(await self.ask())

        asked = await timed(ask, repeat)
        await self.send(repeat)
        finals = iter(await self.finals(jobs))

        async def hear() -> None:
            await self.store.ledger.apply_updates([next(finals)], now())

        heard = await timed(hear, repeat)
        self.told()
        looked = await timed(self.look_around, repeat)
        begun = time.monotonic()
        ping = await self.ask("ping prod")
        pinged = time.monotonic() - begun
        await self.send(1)
        await self.store.ledger.apply_updates(await self.finals([ping]), now())
        self.told()
        gc.collect()
        return Figure(asked, heard, looked, pinged, resident())


async def no_groups() -> frozenset[str]:
    return frozenset()


async def timed(work: Callable[[], Awaitable[None]], repeat: int) -> float:
    """The median time of `work`, one at a time."""
    took = []
    for _ in range(repeat):
        begun = time.monotonic()
        await work()
        took.append(time.monotonic() - begun)
    return median(took)


def resident() -> float:
    """RSS of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def main(options: Options) -> None:
    """Measure, print, and compare with the targets."""
    repeat = options.size(100, 5)
    for agents in options_of(options, (10, 100, 1000), (2, 4)):
        async with opened(agents) as bench:
            show(f"{agents} agents, no history", await bench.measure(repeat))
    async with opened(10) as little, opened(10) as much:
        there, levels = 0, list[Figure]()
        for finished in options_of(options, (10, 100, 1000, 10_000), (2, 20)):
            await much.finish(max(0, finished - there))
            levels.append(await much.measure(repeat))
            show(f"10 agents, {finished} finished jobs", levels[-1])
            there = max(finished, there) + repeat + 1
        found = await interleaved(
            {"little": lambda: little.measure(repeat), "much": lambda: much.measure(repeat)},
            2 * options.rounds,
        )
    for name, what in WHAT.items():
        few, many = (median([getattr(each, name) for each in found[side]]) for side in found)
        harness.verdict(f"{what} with {there} finished jobs, of an empty ledger", many / few, 1.25)
    harness.verdict("memory then, the same", levels[-1].memory / levels[0].memory, 1.25)


@contextlib.asynccontextmanager
async def opened(agents: int) -> AsyncIterator[Bench]:
    """A bench with an empty ledger."""
    with harness.folder() as place:
        store = await Store.open(f"sqlite:///{place}/ledger.db")
        try:
            yield Bench(store, place / "ledger.db", agents)
        finally:
            await store.close()


def options_of(options: Options, full: tuple[int, ...], quick: tuple[int, ...]) -> tuple[int, ...]:
    """The levels to measure at."""
    return quick if options.quick else full


def show(what: str, figure: Figure) -> None:
    """Print a line."""
    print(
        f"{what:<32} ask {ms(figure.ask):>8}  hear {ms(figure.hear):>8}  look around "
        f"{ms(figure.look):>8}  /ping of all {ms(figure.ping):>8}  {figure.memory:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
