"""A schedule and its next times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.scheduler import describe
from bot.schedules.parser import parse_timing
from bot.schedules.schedule import Schedule
from tests.bot.build import ANN, OPS, T0


def schedule(words: str, *, zone: str = "UTC", **fields: object) -> Schedule:
    timing = parse_timing(words.split(), T0, "UTC")
    timing = replace(timing, when=timing.when.model_copy(update={"zone": zone}))
    first = T0 + timedelta(hours=2)
    return Schedule("s" * 16, "key", "hail prod", timing, ANN, OPS, T0, nominal=first, **fields)  # type: ignore[arg-type]


def after(hours: int) -> datetime:
    return T0 + timedelta(hours=hours)


def test_the_next_times() -> None:
    """As many as are asked for, if it runs as often."""
    assert schedule("every 2h").next_times(3) == [after(2), after(4), after(6)]
    assert schedule("every 2h times 5", runs=3).next_times(3) == [after(2), after(4)]
    assert schedule("every 2h times 5", runs=7).next_times(3) == []


def test_a_zone_that_this_machine_does_not_know() -> None:
    """As after an upgrade of the system: what is known is said, in chat and on the pages."""
    its = schedule("every 2h", zone="Mars/Olympus")
    assert its.next_times(3) == [after(2)]
    assert describe.next_times(its, T0).startswith("Next: ")
