"""One schedule that cannot go on is paused, says why, and keeps neither the bot nor the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update

from bot.scheduler import scheduler
from bot.schedules import decisions
from bot.schedules.change import Change
from bot.schedules.schedule import ResultHandling, Schedule, ScheduleResult
from bot.store.tables.job_tables import outbox
from bot.store.tables.schedule_tables import schedules
from tests.bot.scheduler.office import Make, Office
from tests.bot.scheduler.test_firing import notices


async def _rewritten(it: Office, schedule: Schedule, **values: Any) -> None:
    """Somebody's hand, another Baton, or another machine changed the row."""

    def write(connection: Connection) -> None:
        connection.execute(update(schedules).where(schedules.c.id == schedule.id).values(**values))

    await it.store._database.write(write)


async def _in_a_zone_that_is_gone(it: Office, schedule: Schedule) -> None:
    timing = {
        "when": {"recurrence": schedule.timing.when.recurrence.model_dump(), "zone": "Gone/City"},
        "rules": schedule.timing.rules.model_dump(mode="json"),
    }
    await _rewritten(it, schedule, timing=timing)


async def test_a_zone_that_is_unknown_pauses_that_schedule_and_says_so(office: Make) -> None:
    """As when the system's time zones lose one; the others are fired, and all can be looked at."""
    it = office()
    lost = await it.scheduled("hail prod every day at 09:00")
    well = await it.scheduled("hail prod every 20s")
    await _in_a_zone_that_is_gone(it, lost)
    await _rewritten(it, lost, due=it.clock(), nominal=it.clock())
    await it.passes(45)
    now = await it.now(lost)
    assert now.status == "paused"
    assert "time zone Gone/City is unknown" in now.note
    (said,) = await notices(it)
    assert "Gone/City" in said
    assert len(await it.history(well)) == 2
    assert lost.short in str((await it.ask("schedule list")).answer)
    assert "Gone/City" in (await it.ask(f"schedule show {lost.short}")).text
    assert not (await it.ask(f"schedule resume {lost.short}")).ok


async def test_a_row_that_cannot_be_read_is_set_aside(office: Make) -> None:
    """It is not come by again, whether it is due or its job has just ended."""
    it = office()
    bad = await it.scheduled("hail prod every 10s")
    well = await it.scheduled("hail prod every 10s")
    await it.passes(10, answers=False)
    await _rewritten(it, bad, timing={"when": 7})
    await it.passes(20)
    assert len(await it.history(well)) == 3

    def read(connection: Connection) -> tuple[str, object]:
        its = select(schedules.c.status, schedules.c.due).where(schedules.c.id == bad.id)
        status, due = connection.execute(its).one()
        return status, due

    assert await it.store._database.read(read) == ("paused", None)


async def test_a_fault_of_ours_is_not_repeated_to_say_so(
    office: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in a decision ends that schedule alone, once."""
    it = office()
    bad = await it.scheduled("hail prod every 10s")
    well = await it.scheduled("hail prod every 20s")

    def decide(schedule: Schedule, *rest: Any) -> decisions.Decision:
        if schedule.id == bad.id:
            raise ZeroDivisionError("a fault of ours")
        return decisions.decide(schedule, *rest)

    monkeypatch.setattr(scheduler, "decide", decide)
    await it.passes(45)
    now = await it.now(bad)
    assert (now.status, now.due) == ("paused", None)
    assert "see the bot's log" in now.note
    assert len(await it.history(well)) == 2


async def test_what_cannot_be_written_hurts_itself_alone(
    office: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the same transaction are written all the same."""
    it = office()
    bad = await it.scheduled("hail prod every 10s")
    well = await it.scheduled("hail prod every 10s")
    commit = it.store.schedules.commit

    async def fussy(changes: Sequence[Change]) -> list[bool]:
        if any(change.schedule.id == bad.id for change in changes):
            raise ValueError("no row for that")
        return await commit(changes)

    monkeypatch.setattr(it.store.schedules, "commit", fussy)
    await it.passes(25)
    assert (await it.now(bad)).status == "paused"
    assert len(await it.history(well)) == 2


async def test_who_watches_over_schedules_stops_none(office: Make) -> None:
    """A fault in what takes note of a firing keeps no firing."""
    it = office()

    def faulty(seen: Sequence[ScheduleResult]) -> ResultHandling:
        raise LookupError("a fault of ours")

    it.on_result = faulty
    schedule = await it.scheduled("hail prod every 10s")
    await it.passes(25)
    assert [firing.outcome for firing in await it.history(schedule)] == ["succeeded"] * 2


async def test_a_request_that_cannot_be_read_keeps_no_other(office: Make) -> None:
    """A Baton of another version wrote it: it leaves the outbox, and its runs say so."""
    it = office()
    await it.scheduled("hail prod every 10s 1 time")
    await it.passes(10, answers=False, sends=False)

    def spoil(connection: Connection) -> None:
        connection.execute(update(outbox).values(message=text("'{}'")))

    await it.store._database.write(spoil)
    (job,) = await it.store.ledger.recent(1)
    assert await it.store.ledger.outbox() == []
    found = await it.store.ledger.job(job.id)
    assert found is not None
    assert all("this bot cannot read" in run.text for run in found[1])


async def test_a_run_by_hand_is_not_one_of_its_times(office: Make) -> None:
    """What was run by hand takes nothing from the times that are left, and none is announced that
    does not come."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s 3 times")
    await it.passes(11)
    for _ in range(2):
        assert (await it.ask(f"schedule run {schedule.short}")).ok
        await it.passes(2)
    assert "Next: " in (await it.ask(f"schedule show {schedule.short}")).text
    await it.passes(60)
    history = await it.history(schedule)
    assert len([firing for firing in history if not firing.by]) == 3
    assert (await it.now(schedule)).status == "ended"
