"""The table of recurring work: each row comes at its time, whatever the last round came to."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from baton.errors import BusRefused
from bot.app import periodic
from bot.app.periodic import PeriodicTask, PeriodicTasks, TaskStatus
from bot.store.errors import DatabaseUnavailable
from tests.support.wait import until

SOON, LATER = 0.01, 3600.0


class Table:
    """Tasks that are under way, and the vital ones that failed."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, Exception]] = []
        self.tasks = PeriodicTasks(lambda name, error: self.failed.append((name, error)))

    def status(self) -> TaskStatus:
        (status,) = self.tasks.statuses
        return status


class Work:
    """A round that counts how often it came, and then does as it is told."""

    def __init__(self, does: Callable[[], Awaitable[float | None]] | None = None) -> None:
        self.times: list[float] = []
        self.does = does

    @property
    def rounds(self) -> int:
        return len(self.times)

    async def __call__(self) -> float | None:
        self.times.append(time.monotonic())
        return await self.does() if self.does else None


def fails_with(error: Exception) -> Callable[[], Awaitable[float | None]]:
    async def fail() -> float | None:
        raise error

    return fail


def pauses(seconds: float) -> Callable[[], Awaitable[float | None]]:
    async def pause() -> float | None:
        return seconds

    return pause


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    made = Table()
    made.tasks.start()
    yield made
    await made.tasks.stop()


async def test_a_round_comes_at_once_and_then_again(table: Table) -> None:
    """When it last succeeded is known from the first round on."""
    work = Work()
    table.tasks.add(PeriodicTask("work", work, SOON))
    assert table.status() == TaskStatus("work")
    await until(lambda: work.rounds >= 3)
    succeeded = table.status().succeeded
    assert succeeded is not None
    assert 0 <= time.monotonic() - succeeded < 60


async def test_the_first_round_waits_if_it_is_to(table: Table) -> None:
    work, other = Work(), Work()
    table.tasks.add(PeriodicTask("late", work, SOON, first=0.05))
    begun = time.monotonic()
    table.tasks.add(PeriodicTask("early", other, LATER))
    await until(lambda: work.rounds)
    assert other.rounds == 1
    assert work.times[0] - begun >= 0.05


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable(url="sqlite://x", reason="its disk is full"), KeyError("bug")]
)
async def test_a_round_that_fails_is_logged_once_and_the_next_comes(
    table: Table, error: Exception
) -> None:
    """It is counted each time; once it succeeds the error is over. A known reason is no traceback,
    and neither says where things are."""
    work = Work(fails_with(error))
    with capture_logs() as logs:
        table.tasks.add(PeriodicTask("work", work, LATER, retry=SOON))
        await until(lambda: work.rounds >= 3)
    entries = [one for one in logs if one["event"] == "a recurring task failed"]
    known = isinstance(error, DatabaseUnavailable)
    assert [one["log_level"] for one in entries] == ["warning" if known else "error"]
    status = table.status()
    assert status.failures >= 2
    assert status.error == ("its disk is full" if known else "KeyError")
    work.does = None
    await until(lambda: table.status().succeeded)
    assert status.error == ""


async def test_the_same_fault_is_logged_again_after_a_while(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "LOG_INTERVAL", 0.0)
    work = Work(fails_with(KeyError("bug")))
    with capture_logs() as logs:
        table.tasks.add(PeriodicTask("work", work, SOON))
        await until(lambda: len([one for one in logs if one["log_level"] == "error"]) > 1)


async def test_a_vital_task_fails_the_bot_and_comes_no_more(table: Table) -> None:
    """But for what passes: a database that is away is waited for."""
    work = Work(fails_with(DatabaseUnavailable(url="x", reason="away")))
    table.tasks.add(PeriodicTask("work", work, SOON, vital=True))
    await until(lambda: work.rounds >= 2)
    assert table.failed == []
    fault = KeyError("bug")
    work.does = fails_with(fault)
    await until(lambda: table.failed)
    assert table.failed == [("work", fault)]
    rounds, other = work.rounds, Work()
    table.tasks.add(PeriodicTask("other", other, SOON))
    await until(lambda: other.rounds >= 3)
    assert work.rounds == rounds


async def test_a_refusal_for_good_is_no_passing_fault(table: Table) -> None:
    error = BusRefused(user="bot", what="x", reason="y", fix="z")
    table.tasks.add(PeriodicTask("work", fails_with(error), SOON, vital=True))
    await until(lambda: table.failed)


async def test_a_round_that_is_late_is_not_joined_by_another(table: Table) -> None:
    """What was missed meanwhile is made up for by one."""
    gate, at_once, most = asyncio.Event(), 0, 0

    async def slow() -> float | None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await gate.wait()
        at_once -= 1
        return None

    work, other = Work(slow), Work()
    table.tasks.add(PeriodicTask("slow", work, SOON), PeriodicTask("other", other, SOON))
    await until(lambda: other.rounds >= 5)
    assert work.rounds == 1
    gate.set()
    await until(lambda: work.rounds >= 3)
    assert most == 1


async def test_a_round_may_come_sooner_than_its_interval(table: Table) -> None:
    """Never later, whatever it asks for; and not at all once it is done for good."""
    soon, late, done = Work(pauses(SOON)), Work(pauses(LATER)), Work(pauses(math.inf))
    table.tasks.add(
        PeriodicTask("soon", soon, LATER),
        PeriodicTask("late", late, SOON),
        PeriodicTask("done", done, SOON),
    )
    await until(lambda: soon.rounds >= 3 and late.rounds >= 3)
    assert done.rounds == 1
    assert {status.name for status in table.tasks.statuses} == {"soon", "late", "done"}


async def test_woken_it_comes_at_once(table: Table) -> None:
    """However often it is woken it comes once; whoever wakes a round that runs has another."""
    gate = asyncio.Event()
    work = Work()
    table.tasks.add(PeriodicTask("work", work, LATER))
    await until(lambda: work.rounds == 1)

    async def slow() -> float | None:
        await gate.wait()
        return None

    work.does = slow
    for _ in range(100):
        table.tasks.wake("work")
    await until(lambda: work.rounds == 2)
    for _ in range(100):
        table.tasks.wake("work")
    gate.set()
    await until(lambda: work.rounds == 3)
    other = Work()
    table.tasks.add(PeriodicTask("other", other, SOON))
    await until(lambda: other.rounds >= 3)
    assert work.rounds == 3


async def test_it_rests_however_often_it_is_woken(table: Table) -> None:
    """What comes meanwhile is done together."""
    work = Work()
    table.tasks.add(PeriodicTask("work", work, LATER, rest=0.05))

    def woken() -> bool:
        table.tasks.wake("work")
        return work.rounds >= 4

    await until(woken, every=0.001)
    assert work.times[3] - work.times[0] >= 3 * 0.05


async def test_what_does_not_run_is_not_woken(table: Table) -> None:
    table.tasks.wake("nothing")
    assert table.tasks.statuses == []


async def test_a_task_that_is_removed_is_over_when_that_returns(table: Table) -> None:
    """A round under way is cancelled, and nothing of the task is shown any more."""
    ended = asyncio.Event()

    async def slow() -> float | None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()
        return None

    work = Work(slow)
    table.tasks.add(PeriodicTask("work", work, SOON))
    await until(lambda: work.rounds)
    await table.tasks.remove("work", "nothing")
    assert ended.is_set()
    assert table.tasks.statuses == []
    table.tasks.add(PeriodicTask("work", work, SOON))
    await until(lambda: work.rounds == 2)


async def test_tasks_of_one_name_are_replaced_together(table: Table) -> None:
    """Those of before come no more; what is shown is one task."""
    old, new = [Work(), Work()], [Work(), Work()]
    table.tasks.replace("probing", [PeriodicTask("probing", work, SOON) for work in old])
    await until(lambda: all(work.rounds for work in old))
    table.tasks.replace("probing", [PeriodicTask("probing", work, SOON) for work in new])
    rounds = [work.rounds for work in old]
    await until(lambda: all(work.rounds >= 3 for work in new))
    assert [work.rounds for work in old] == rounds
    assert len(table.tasks.statuses) == 1


async def test_a_clock_that_is_set_back_delays_nothing(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NTP may set the clock of the machine by hours: rounds come all the same."""
    wall = datetime

    class SetBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            moment = wall.now() - timedelta(days=1)
            return tz.fromutc(moment.replace(tzinfo=tz)) if tz else moment

    work = Work()
    table.tasks.add(PeriodicTask("work", work, SOON))
    await until(lambda: work.rounds)
    for module in ("apscheduler.schedulers.base", "bot.app.periodic"):
        monkeypatch.setattr(f"{module}.datetime", SetBack)
    rounds = work.rounds
    await until(lambda: work.rounds >= rounds + 3)


async def test_rounds_do_not_run_in_the_name_of_whoever_wakes_them(table: Table) -> None:
    """What they log is about nobody's request."""
    person: ContextVar[str] = ContextVar("person", default="nobody")
    seen: list[str] = []

    async def note() -> float | None:
        seen.append(person.get())
        return None

    table.tasks.add(PeriodicTask("work", note, LATER))
    await until(lambda: seen)
    person.set("ann")
    table.tasks.wake("work")
    await until(lambda: len(seen) == 2)
    assert seen == ["nobody", "nobody"]
