"""Times over a year in every zone: as cronsim, whose rules these are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim

from baton.timing.calendar import to_utc
from bot.schedules.recurrence import Cron, Every, Once, Recurrence, Weekly, When
from bot.schedules.times import next_time, upcoming

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
END = datetime(2027, 6, 1, tzinfo=UTC)
NEAR = timedelta(hours=4)
ZONES = sorted(name for name in available_timezones() if not name.startswith(("posix", "right")))


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """When the clocks of `zone` change between BEGIN and END, to the minute."""
    before = BEGIN
    while before < END:
        after = before + timedelta(days=1)
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            low, high = before, after
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            yield high.replace(second=0, microsecond=0)
        before = after


def by_cronsim(expression: str, zone: ZoneInfo, begin: datetime, end: datetime) -> list[datetime]:
    """What cronsim gives, run through without a stop; each moment once."""
    found: dict[datetime, None] = {}
    for local in CronSim(expression, begin.astimezone(zone)):
        at = local.astimezone(UTC)
        if at > end:
            return list(found)
        found[at] = None
    return list(found)


def by_us(recurrence: Recurrence, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """What we give, asked anew after each time, as the bot does over restarts."""
    when = When(recurrence=recurrence, zone=zone)
    return list(takewhile(lambda at: at <= end, upcoming(when, begin, begin)))


def test_a_year_in_every_zone() -> None:
    """Every time of a year is cronsim's, in each zone that there is."""
    for name in ZONES:
        zone = ZoneInfo(name)
        for expression in ("30 2 * * 0", "15 1 1,15 * *"):
            ours = by_us(Cron(expression=expression), name, BEGIN, END)
            assert ours == by_cronsim(expression, zone, BEGIN, END), (name, expression)


def test_where_clocks_change() -> None:
    """Around every change of clocks, in each zone: fixed times, lists, ranges, steps and any."""
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            begin, end = change - NEAR, change + NEAR
            for expression in (
                "30 * * * *",
                "*/20 * * * *",
                "0,30 0-4 * * *",
                "45 1 * * *",
                "15 */2 * * *",
            ):
                ours = by_us(Cron(expression=expression), name, begin, end)
                assert ours == by_cronsim(expression, zone, begin, end), (name, expression, change)


@pytest.mark.parametrize("name", ["Europe/Kyiv", "America/New_York", "Australia/Lord_Howe"])
def test_days_and_times_are_cron_expressions(name: str) -> None:
    """`mon,thu at 01:30,18:30` is what the two expressions give together, over a year."""
    zone = ZoneInfo(name)
    ours = by_us(Weekly(days=(0, 3, 6), times=(time(1, 30), time(18, 30))), name, BEGIN, END)
    both = [
        at
        for expression in ("30 1 * * 1,4,7", "30 18 * * 1,4,7")
        for at in by_cronsim(expression, zone, BEGIN, END)
    ]
    assert ours == sorted(set(both))


def test_the_hour_that_is_skipped() -> None:
    """A fixed time in it is right after it, once."""
    (at,) = by_us(
        Weekly(days=(6,), times=(time(3, 30),)),
        "Europe/Kyiv",
        datetime(2027, 3, 28, 0, tzinfo=UTC),
        datetime(2027, 3, 29, 0, tzinfo=UTC),
    )
    assert at == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    assert to_utc(datetime.fromisoformat("2027-03-28T03:30"), ZoneInfo("Europe/Kyiv")) == at


def test_the_hour_that_comes_twice() -> None:
    """A fixed time in it is in the first, and not again, wherever in it we begin."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 03:30 of summer
    daily = When(recurrence=Weekly(days=tuple(range(7)), times=(time(3, 30),)), zone="Europe/Kyiv")
    assert next_time(daily, first - timedelta(seconds=1), first) == first
    for minute in range(100):
        after = first + timedelta(minutes=minute)
        assert next_time(daily, after, first) == first + timedelta(hours=25)


def test_intervals_count_in_utc() -> None:
    """An interval is as long over a change of clocks, and stays on its grid after a pause."""
    anchor = datetime(2026, 10, 24, 12, 0, 7, tzinfo=UTC)
    ours = by_us(Every(seconds=86_400), "Europe/Kyiv", anchor, anchor + timedelta(days=3))
    assert ours == [anchor + timedelta(days=day) for day in (1, 2, 3)]
    when = When(recurrence=Every(seconds=300), zone="UTC")
    late = anchor + timedelta(days=100, seconds=11)
    assert next_time(when, late, anchor) == anchor + timedelta(days=100, seconds=300)
    assert next_time(when, anchor - timedelta(days=1), anchor) == anchor + timedelta(seconds=300)


def test_once_is_once() -> None:
    """One moment comes, and nothing after it."""
    when = When(
        recurrence=Once(local=datetime.fromisoformat("2027-01-05T07:00")), zone="Europe/Kyiv"
    )
    at = datetime(2027, 1, 5, 5, tzinfo=UTC)
    assert next_time(when, BEGIN, BEGIN) == at
    assert next_time(when, at, BEGIN) is None
