"""When a freeze is on: half-open windows, in the time that clocks on the wall show."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from bot.dispatch.gates.freezing.windows import (
    DAYS,
    Freeze,
    Spans,
    Weekly,
    frozen_by,
    frozen_until,
    merged,
    moment,
)

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def weekly(days: str, begin: int, end: int, zone: str = "Europe/London", **more: Any) -> Freeze:
    """A weekly freeze, from one hour to another."""
    at = ZoneInfo(zone)
    windows = Weekly(frozenset(DAYS.index(day) for day in days.split()), begin * 60, end * 60, at)
    given: dict[str, Any] = {
        "name": "no Friday afternoons",
        "environments": ("prod",),
        "apps": ("*",),
        "may_break": ("leads",),
        **more,
    }
    return Freeze(zone=at, windows=windows, **given)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-27T12:59:59", None),
        ("2026-11-27T13:00:00", "2026-11-28T00:00:00"),
        ("2026-11-27T23:59:59.999999", "2026-11-28T00:00:00"),
        ("2026-11-28T00:00:00", None),
        ("2026-07-03T12:00:00", "2026-07-03T23:00:00"),  # British summer time
        ("2026-07-03T11:59:59", None),
    ],
)
def test_it_is_half_open_in_local_time(at: str, until: str | None) -> None:
    """It begins with its first moment, and at `to` it has ended."""
    found = frozen_until([weekly("fri", 13, 24)], "prod", "shop", utc(at))
    assert found == (until and utc(until))


def test_freezes_that_follow_each_other_are_one() -> None:
    """The end that people are told is when they may go on, not when the first one ends."""
    freezes = [weekly("fri", 13, 24), weekly("sat sun", 0, 24), weekly("mon", 0, 8)]
    assert frozen_until(freezes, "prod", "shop", utc("2026-11-27T14:00:00")) == utc(
        "2026-11-30T08:00:00"
    )


def test_a_freeze_that_never_ends_is_an_answer_all_the_same() -> None:
    """Every day, all day: the search stops."""
    found = frozen_until(
        [weekly(" ".join(DAYS), 0, 24)], "prod", "shop", utc("2026-11-27T14:00:00")
    )
    assert found is not None
    assert found > utc("2027-11-27T00:00:00")


def test_over_midnight() -> None:
    """A window that ends before it begins ends on the next day, which need not be one of its
    days."""
    night = [weekly("fri", 22, 6)]
    assert frozen_until(night, "prod", None, utc("2026-11-28T05:59:59")) == utc("2026-11-28T06:00")
    assert frozen_until(night, "prod", None, utc("2026-11-28T22:00:00")) is None


def test_it_is_about_its_environments_and_apps() -> None:
    """What is for whole servers is about every app on them."""
    freeze = weekly("fri", 13, 24, apps=("shop*",))
    at = utc("2026-11-27T14:00:00")
    frozen = [
        app for app in ("shop", "shop-api", "blog", None) if frozen_by([freeze], "prod", app, at)
    ]
    assert frozen == ["shop", "shop-api", None]
    assert not frozen_by([freeze], "staging", "shop", at)


def test_clocks_that_change() -> None:
    """A window never begins late and never ends early: of two equal times the first begins it and
    the second ends it, and a skipped time is the moment of the change."""
    begin = datetime.fromisoformat("2026-10-25T01:30")  # 01:00-02:00 comes twice
    assert moment(begin, LONDON) == utc("2026-10-25T00:30:00")
    assert moment(begin, LONDON, later=True) == utc("2026-10-25T01:30:00")
    skipped = datetime.fromisoformat("2026-03-29T01:30")  # 01:00-02:00 does not come
    assert moment(skipped, LONDON) == moment(skipped, LONDON, later=True)
    assert moment(skipped, LONDON) == utc("2026-03-29T01:00:00")


def test_spans_are_apart_and_half_open() -> None:
    """Events that touch or overlap are one window."""
    day = [utc(f"2026-12-{number:02}T00:00:00") for number in range(1, 8)]
    spans = Spans(tuple(merged([(day[3], day[4]), (day[0], day[1]), (day[1], day[2])])))
    assert spans.spans == ((day[0], day[2]), (day[3], day[4]))
    assert spans.end_at(day[0]) == day[2]
    assert spans.end_at(day[2]) is None
    assert spans.end_at(day[0] - SECOND) is None


def transitions(zone: ZoneInfo) -> list[datetime]:
    """The moments at which the clocks of `zone` change, 2020-2035, to the second."""
    found, at, step = [], FIRST, timedelta(days=7)
    while at < LAST:
        after = at + step
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            low, high = at, after
            old = at.astimezone(zone).utcoffset()
            while high - low > SECOND:
                middle = low + (high - low) // 2
                middle -= timedelta(microseconds=middle.microsecond)
                if middle.astimezone(zone).utcoffset() == old:
                    low = middle
                else:
                    high = middle
            found.append(high)
        at = after
    return found


def check(name: str, chance: random.Random) -> None:
    """Hold windows near every change of the clocks of a zone to what its clocks show."""
    zone = ZoneInfo(name)
    for change in transitions(zone):
        for _ in range(4):
            around = change.astimezone(zone).replace(tzinfo=None)
            wall = around + timedelta(minutes=chance.randrange(-240, 240))
            wall = wall.replace(second=0, microsecond=0)
            for later in (False, True):
                at = moment(wall, zone, later=later)
                shown = at.astimezone(zone).replace(tzinfo=None)
                before = (at - SECOND).astimezone(zone).replace(tzinfo=None)
                # from this second on the clocks show it or more, and a second before they do not
                assert shown >= wall, (name, wall)
                assert before < wall or before > shown, (name, wall)
                if shown != wall:  # skipped: the clocks jump over it at this second
                    assert before < wall, (name, wall)
            assert moment(wall, zone) <= moment(wall, zone, later=True)
            minute = wall.hour * 60 + wall.minute
            window = Weekly(frozenset({wall.weekday()}), minute, (minute + 30) % 1440, zone)
            begin = moment(wall, zone)
            end = moment(wall + timedelta(minutes=30), zone, later=True)
            if begin < end:
                assert window.end_at(begin) == end, (name, wall)
                assert window.end_at(end - timedelta(microseconds=1)) == end, (name, wall)
            assert window.end_at(end) is None, (name, wall)
            assert window.end_at(begin - timedelta(microseconds=1)) is None, (name, wall)


ZONES = sorted(name for name in available_timezones() if "/" in name and name[0].isupper())
SOME = (
    "Europe/London",
    "America/New_York",
    "Africa/Casablanca",  # back for Ramadan
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",  # at midnight
    "Asia/Beirut",
    "Pacific/Apia",
    "America/Nuuk",
)


@pytest.mark.parametrize("name", SOME)
def test_no_window_is_off_by_one_near_a_change_of_clocks(name: str) -> None:
    """Against the clocks of zoneinfo, near each change of 2020-2035."""
    check(name, random.Random(name))


@pytest.mark.slow
def test_no_window_is_off_by_one_in_any_zone() -> None:
    """The same in every zone of tzdata."""
    for name in ZONES:
        check(name, random.Random(name))
