"""kill -9 at every step of a firing: none is lost, none is twice. And three bots at once."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from baton.bus.messages import now
from bot.app.periodic import PeriodicTask, PeriodicTasks
from bot.scheduler.scheduler import POLL_INTERVAL
from bot.schedules.schedule import Firing, Schedule
from bot.store import Store
from bot.store.database.sqlite import Sqlite
from tests.bot.scheduler.office import Clock, Office
from tests.support.periodic import unfailing
from tests.support.wait import until

SEEDS = int(os.environ.get("SEEDS", "100"))
"""Lives to try: 1,000 take 40 s of a processor."""
TICKS = 3
RULES = ("", " overlap queue one", " overlap allow", " jitter 5s", " quiet", " pause-after 9")


class Killed(BaseException):
    """The process ends here: nothing of ours may catch it."""


class Steps:
    """The steps of a bot: each statement that it sends, and each transaction that is over. It dies
    at the one that is told; what it was in the middle of never happened."""

    def __init__(self, store: Store) -> None:
        self.left: int | None = None
        database = store._database
        assert isinstance(database, Sqlite)
        # a disk that may lose what was written is none of this: quicker without it
        event.listen(
            database._writer, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF")
        )
        for engine in (database._writer, database._reader):
            event.listen(engine, "before_cursor_execute", self._statement)

        async def run(_executor: Any, engine: Any, work: Any) -> Any:
            with engine.begin() as connection:  # here, not in a thread: quicker by half
                result = work(connection)
            self._step()
            return result

        setattr(database, "_run", run)  # noqa: B010

    def _statement(self, *_: object) -> None:
        self._step()

    def _step(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Killed
        self.left -= 1

    @contextmanager
    def dies_after(self, steps: int) -> Iterator[None]:
        """Die after so many steps in this block, if there are so many."""
        self.left = steps
        try:
            yield
        finally:
            self.left = None


class Apart(Clock):
    """A clock that goes, so many seconds from the true one."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._apart = timedelta(seconds=seconds)

    def __call__(self) -> datetime:
        return now() + self._apart


def whole(schedule: Schedule, history: list[Firing], until: datetime, step: int) -> None:
    """Every time up to `until` is in one firing, and in no other."""
    covered: list[datetime] = []
    for firing in history:
        at = firing.nominal
        covered.append(at)
        while firing.until is not None and at < firing.until:
            at += timedelta(seconds=step)
            covered.append(at)
        assert firing.count == len([each for each in covered if each >= firing.nominal])
    expected = []
    at = schedule.created + timedelta(seconds=step)
    while schedule.due_at(at) <= until:
        expected.append(at)
        at += timedelta(seconds=step)
    assert covered == expected


async def one_life(office: Office, steps: Steps, seed: int) -> int:
    """A schedule from its first time to its removal, by bots that die again and again; how often
    they did."""
    chance = random.Random(seed)
    rules = chance.choice(RULES)
    schedule = await office.scheduled(f"hail prod every 10s{rules}")
    died = 0
    for _ in range(TICKS):
        # now and then nobody is there for a while
        office.clock.goes(chance.choice((10, 10, 10, 10, 31)))
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            office.restarts()
            try:
                with steps.dies_after(chance.randrange(0, 28)):
                    await office.scheduler.round()
            except Killed:
                died += 1
        office.restarts()
        await office.scheduler.round()
        for firing in await office.history(schedule):
            if firing.verdict == "started" and firing.ended is None and chance.random() < 0.7:
                await office.answer(firing)
    await office.scheduler.round()
    history = await office.history(schedule)
    whole(await office.now(schedule), history, office.clock(), 10)
    started = [firing for firing in history if firing.verdict == "started"]
    jobs = [job for job in await office.store.ledger.recent(60) if schedule.id in job.key]
    assert sorted(job.id for job in jobs) == sorted(firing.job for firing in started)
    assert len({job.key for job in jobs}) == len(started)
    assert {run.key for run in jobs} == {
        f"schedule/{schedule.id}/{firing.nominal.isoformat()}" for firing in started
    }
    for firing in started:
        if firing.ended is None:
            await office.answer(firing)
    assert (await office.ask(f"schedule remove {schedule.id}")).ok
    await office.scheduler.round()
    return died


@pytest.mark.timeout(300)
async def test_kill_9_at_every_step(store: Store) -> None:
    """Many lives of a schedule in which bots die at any statement and after any transaction, some
    of them several times at the same firing: every time is fired once, as one job or as one row
    that says why not."""
    office, steps = Office(store), Steps(store)
    died = [await one_life(office, steps, seed) for seed in range(SEEDS)]
    assert sum(died) > SEEDS


async def test_a_job_without_its_firing_is_never_there(store: Store) -> None:
    """Whichever statement of the transaction is the last one, the job and the firing are both
    there or neither is."""
    office, steps = Office(store), Steps(store)
    schedule = await office.scheduled("hail prod every 10s overlap allow")
    office.clock.goes(10)
    for at in range(100):
        try:
            with steps.dies_after(at):
                await office.scheduler.round()
                break
        except Killed:
            jobs = [job for job in await store.ledger.recent(100) if schedule.id in job.key]
            assert len(jobs) == len(await office.history(schedule)) <= 1
    else:
        raise AssertionError("it never got through")
    assert at > 10
    assert len(await office.history(schedule)) == 1


async def test_three_bots_on_postgresql(postgres_database: str) -> None:
    """Three that all keep time, with clocks 5 s apart, fire each time once, and when it is time by
    the database's clock."""
    offices = []
    for apart in (-5, 0, 5):
        store = await Store.open(postgres_database)
        offices.append(Office(store, clock=Apart(apart)))
    first = offices[0]
    tasks = PeriodicTasks(unfailing)
    tasks.start()
    for number, office in enumerate(offices):
        tasks.add(PeriodicTask(f"schedules of bot {number}", office.scheduler.round, POLL_INTERVAL))
    try:
        made = [await first.scheduled("hail prod every 10s overlap allow") for _ in range(30)]
        await until(lambda: _fired(first, made, 2), every=0.2)
        await tasks.stop()
        firings = [firing for one in made for firing in await first.history(one)]
        assert {firing.verdict for firing in firings} == {"started"}
        jobs = [job.key for job in await first.store.ledger.recent(1000)]
        assert len(jobs) == len(set(jobs))
        assert set(jobs) == {
            f"schedule/{firing.schedule}/{firing.nominal.isoformat()}" for firing in firings
        }
        late = sorted((firing.at - firing.nominal).total_seconds() for firing in firings)
        assert late[0] >= 0
        assert late[-1] < 10
    finally:
        await tasks.stop()
        for office in offices:
            await office.store.close()


async def _fired(office: Office, made: list[Schedule], times: int) -> bool:
    return all([len(await office.history(one)) >= times for one in made])
