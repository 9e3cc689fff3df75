"""Schedules: how late they fire, what they cost while nothing is due, and all of them at once.

The scheduler of a bot over an SQLite file on this disk, without its bus and its chat. Late: from
when a firing is due until its job is in the database. Idle: nothing is due for an hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, Person, new_id, now
from baton.extensions import installed
from bench import harness
from bench.harness import Options, median, ms, percentile
from bot.app.dispatching import commands_of
from bot.app.periodic import PeriodicTask, PeriodicTasks
from bot.jobs import AuditEntry, Place
from bot.scheduler.scheduler import POLL_INTERVAL
from bot.schedules.decisions import plan_next
from bot.schedules.parser import Timing
from bot.schedules.recurrence import Every, When
from bot.schedules.rules import Rules
from bot.schedules.schedule import Schedule
from bot.store import Store
from bot.store.schedules import firings
from tests.bot.world import a_dispatch
from tests.support.policy import OPEN
from tests.support.servers import make_registry
from tests.support.wait import until

ANN = Person(id="U_ANN", name="ann")
OPS = Place("bench", "C_OPS")
PERIOD = 3600
LATE, IDLE, SHARED = 1.0, 1.0, 60.0
"""Targets: p99 in seconds, % of a processor, seconds for all at once."""


def failed(task: str, error: Exception) -> None:
    """No task here fails for good."""
    raise error


class Bench:
    """A scheduler, and when each job was begun."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begun: dict[str, float] = {}
        servers = make_registry()
        facts = Facts(host="web-1", environment="prod", apps=("shop",))
        servers.record(Heartbeat(facts=facts, interval=15.0))
        commands = commands_of(installed())
        made = a_dispatch(store, servers, OPEN, commands, job_changed=self._began)
        self.scheduler = made.scheduler

    def _began(self, job: str) -> None:
        self.begun.setdefault(job, time.time())

    async def add(self, first: Sequence[datetime]) -> None:
        """A schedule for each of these first times, an hour apart from then on."""
        every = Timing(
            When(recurrence=Every(seconds=PERIOD)), Rules(overlap="allow", catch_up=PERIOD)
        )
        at = now()
        made = []
        for moment in first:
            created = moment.replace(microsecond=0) - timedelta(seconds=PERIOD)
            name = new_id()
            schedule = Schedule(name, name, "ping prod", every, ANN, OPS, created)
            made.append(plan_next(schedule, moment - timedelta(seconds=1)))
        entry = AuditEntry(at, ANN, OPS, "schedule ping prod every 1h", "allowed")

        def keep(connection: Connection) -> None:
            for schedule in made:
                firings.add(connection, schedule, entry)

        await self.store._database.write(keep)

    async def late(self) -> list[float]:
        """Seconds by which each firing was late."""
        fired = [
            firing
            for schedule in await self.store.schedules.in_channel("bench")
            for firing in await self.store.schedules.history(schedule.id)
            if firing.job in self.begun
        ]
        return [self.begun[firing.job] - firing.nominal.timestamp() for firing in fired]

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """While its scheduler works."""
        tasks = PeriodicTasks(failed)
        tasks.start()
        tasks.add(PeriodicTask("schedules", self.scheduler.round, POLL_INTERVAL))
        try:
            yield
        finally:
            await tasks.stop()


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A bench over a file of its own."""
    with harness.folder() as folder:
        store = await Store.open(f"sqlite:///{folder}/bench.db")
        try:
            yield Bench(store)
        finally:
            await store.close()


async def spread(count: int, seconds: float) -> list[float]:
    """How late each is of `count` schedules spread over an hour, watched for some seconds."""
    async with bench() as it:
        begin = datetime.now(UTC) + timedelta(seconds=count / 500 + 2)
        step = PERIOD / count
        await it.add([begin + timedelta(seconds=step * at) for at in range(count)])
        async with it.keeping():
            left = (begin - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(left, 0) + seconds)
        return await it.late()


async def idle(count: int, seconds: float) -> tuple[float, float]:
    """% of a processor, and rounds a second, while nothing of `count` schedules is due."""
    async with bench() as it:
        begin = datetime.now(UTC) + timedelta(hours=1)
        await it.add([begin + timedelta(seconds=at % 3000) for at in range(count)])
        async with it.keeping():
            await asyncio.sleep(1)
            rounds, cpu = it.scheduler.rounds, time.process_time()
            await asyncio.sleep(seconds)
            used = (time.process_time() - cpu) / seconds
            return used * 100, (it.scheduler.rounds - rounds) / seconds


async def shared(count: int) -> list[float]:
    """How late each is of `count` schedules that are due at the same second."""
    async with bench() as it:
        moment = datetime.now(UTC) + timedelta(seconds=count / 500 + 2)
        await it.add([moment] * count)
        async with it.keeping():
            # each has its job, and the post of its day
            await until(lambda: len(it.begun) >= 2 * count, 600)
        return await it.late()


async def main(options: Options) -> None:
    """Measure and print."""
    count = options.size(10_000, 100)
    watched = options.size(60, 2)
    late = await spread(count if not options.quick else 900, watched)
    if late:
        figures = (ms(median(late)), ms(percentile(late, 99)), ms(max(late)))
        harness.table(
            ("spread over an hour", "fired", "p50", "p99", "max"),
            [(f"{count:,} schedules", len(late), *figures)],
        )
        harness.verdict("late, p99", percentile(late, 99), LATE, unit=" s")
    rows = []
    used = 0.0
    for number in (count // 100, count):
        used, rounds = await idle(number, options.size(20, 1))
        rows.append((f"{number:,} schedules", f"{used:.2f} %", f"{rounds:.2f}"))
    harness.table(("nothing is due", "of a processor", "rounds/s"), rows)
    harness.verdict("idle", used, IDLE, unit=" %")
    together = await shared(count)
    figures = (ms(median(together)), ms(percentile(together, 99)), ms(max(together)))
    harness.table(
        ("due at the same second", "fired", "p50", "p99", "max"),
        [(f"{count:,} schedules", len(together), *figures)],
    )
    harness.verdict("the last of all at once", max(together), SHARED, unit=" s")


if __name__ == "__main__":
    harness.run(main, __doc__)
