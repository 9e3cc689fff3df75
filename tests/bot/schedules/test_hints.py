"""Times that people ask for and that words here do not say: the error names what does."""

from __future__ import annotations

import contextlib

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import UsageError
from bot.schedules.hints import suggest_time
from bot.schedules.parser import parse_timing
from tests.bot.scheduler.office import T0


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("ping prod first monday at 9am", "cron 0 9 * * 1#1"),
        ("ping prod on the 2nd tuesday at 18:30", "cron 30 18 * * 2#2"),
        ("ping prod last friday of the month", "cron 0 9 * * 5L"),
        ("ping prod last day of the month at 23:00", "cron 0 23 L * *"),
        ("ping prod first of the month", "cron 0 9 1 * *"),
        ("ping prod monthly", "cron 0 9 1 * *"),
        ("ping prod every month at 7am", "cron 0 7 1 * *"),
        ("ping prod every weekday at 7am", "cron 0 7 * * 1-5"),
        ("ping prod every other day", "every 2d"),
        ("ping prod every other monday at 9am", "every 2w"),
        ("ping prod every 30m weekdays", "cron */30 * * * 1-5"),
        ("ping prod every 15 minutes 9am-5pm weekdays", "cron */15 9-17 * * 1-5"),
        ("ping prod every hour 9am-5pm", "cron 0 9-17 * * *"),
        ("ping prod every 2h 8:00-18:00", "cron 0 8-18/2 * * *"),
        ("ping prod first monday 18:30", "cron 30 18 * * 1#1"),
        ("ping prod first monday at 21", ""),
        ("ping prod first monday at 9am and 5pm", ""),
        ("ping prod 2nd day of the month", "cron 0 9 2 * *"),
        ("ping prod on the 15th of each month at 7am", "cron 0 7 15 * *"),
        ("ping prod monthly on the 15th", "cron 0 9 15 * *"),
        ("ping prod monthly on the 1st and 15th", ""),
        ("ping prod every 30m mondays", ""),
        ("ping prod every 30m monday friday", "cron */30 * * * 1,5"),
        ("ping prod every 15 min except weekends", ""),
        ("ping prod every weekday but friday", ""),
        ("ping prod every 7m weekdays", ""),
        ("ping prod every 5m", ""),
        ("ping prod every 5m 5pm-9am", ""),
        ("ping prod", ""),
    ],
)
def test_what_is_meant_is_named(words: str, meant: str) -> None:
    """And it is a time that can be scheduled."""
    assert suggest_time(words.split()) == meant
    if meant:
        assert parse_timing(meant.split(), T0, "UTC").when
    if meant.startswith("cron"):
        next(CronSim(meant.removeprefix("cron "), T0))


@pytest.mark.parametrize(
    ("words", "zone"),
    [
        ("at 09:00 Japan", "Asia/Tokyo"),
        ("at 09:00 Singapore", "Asia/Singapore"),
        ("at 09:00 Berlin", "Europe/Berlin"),
        ("at 09:00 new york", "America/New_York"),
        ("at 09:00 Z", "UTC"),
        ("at 09:00 utc", "UTC"),
        ("at 9am tomorrow Kyiv", "Europe/Kyiv"),
    ],
)
def test_a_zone_by_the_name_of_its_place(words: str, zone: str) -> None:
    """As people say it."""
    assert parse_timing(words.split(), T0, "UTC").when.zone == zone


@pytest.mark.parametrize("zone", ["PST", "CEST", "UTC+2", "+02:00", "GMT-5", "+0200"])
def test_what_is_no_zone_is_known_to_be_meant_as_one(zone: str) -> None:
    """The error says how a zone is written, not which rules there are."""
    with pytest.raises(UsageError, match=r"use a place, e\.g\. Europe/"):
        parse_timing(["at", "09:00", zone], T0, "UTC")


def test_a_rule_in_capitals_is_no_zone() -> None:
    """QUIET has the look of one."""
    assert parse_timing(["at", "09:00", "QUIET"], T0, "UTC").rules.quiet


def test_at_nine_tomorrow() -> None:
    """Either way round is the same."""
    words = ("at 9am tomorrow quiet", "tomorrow at 9am quiet")
    assert len({repr(parse_timing(each.split(), T0, "UTC")) for each in words}) == 1


@pytest.mark.parametrize(
    "words", ["every 5m ² times", "every ²m", "every 5m pause-after ²", "every ٣m", "at ²:00"]
)
def test_a_digit_that_is_no_number_is_an_error_of_who_typed_it(words: str) -> None:
    """Never one of ours."""
    with pytest.raises(UsageError):
        parse_timing(words.split(), T0, "UTC")


@given(st.text(max_size=200))
def test_nothing_that_is_typed_is_a_fault_of_ours(text: str) -> None:
    """Any words are a time or an error that says what is wrong."""
    with contextlib.suppress(UsageError):
        parse_timing(text.split(), T0, "UTC")
    suggest_time(text.split())
