"""Freezes: windows of time in which nothing changes. Pure.

A window is half-open: it begins with its first moment and has ended at its last. Its times are
those of the clocks on the wall in its zone. Where the clocks go back, a window begins with the
first of two equal times and ends with the second; where they go forward, a time that is skipped is
the moment of the change. So a freeze never begins late and never ends early.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60
"""Minutes of a day: 24:00 is the 00:00 of the next one."""
_FAR = timedelta(days=400)
"""Freezes that follow each other for longer than this are not followed to their end."""


class Windows(Protocol):
    """The windows of one freeze."""

    def end_at(self, at: datetime) -> datetime | None:
        """Return when the window that `at` is in ends; None if it is in none."""


@lru_cache(maxsize=4_096)
def _span(day: date, begin: int, length: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the window of `length` minutes from the minute `begin` of `day` on. The same days are
    asked for again and again."""
    start = datetime.combine(day, time()) + timedelta(minutes=begin)
    end = start + timedelta(minutes=length)
    return moment(start, zone), moment(end, zone, later=True)


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same hours on `days` (0 is Monday), from one minute of the day to another. One that ends
    at or before its beginning ends on the next day."""

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    def end_at(self, at: datetime) -> datetime | None:
        """Return when the window that `at` is in ends; None if it is in none."""
        today = at.astimezone(self.zone).date()
        windows = (self._window(today + timedelta(days=away)) for away in (-2, -1, 0, 1))
        return max((end for begin, end in windows if begin <= at < end), default=None)

    def _window(self, day: date) -> tuple[datetime, datetime]:
        """Return the window that begins on `day`; an empty one if it is none of the days."""
        if day.weekday() not in self.days:
            return _NEVER, _NEVER
        length = (
            self.end - self.begin if self.end > self.begin else self.end + MIDNIGHT - self.begin
        )
        return _span(day, self.begin, length, self.zone)


@dataclass(frozen=True, slots=True)
class Spans:
    """Windows as they are: moments in UTC, each from a beginning to an end, in order and apart."""

    spans: tuple[tuple[datetime, datetime], ...]

    def end_at(self, at: datetime) -> datetime | None:
        """Return when the window that `at` is in ends; None if it is in none."""
        place = bisect_right(self.spans, at, key=lambda span: span[0]) - 1
        if place < 0 or at >= self.spans[place][1]:
            return None
        return self.spans[place][1]


@dataclass(frozen=True, slots=True)
class Freeze:
    """In its windows nothing changes in `environments` for `apps`, which are shell patterns. Only
    `may_break` may pass it: user ids, and groups by handle or id."""

    name: str
    environments: tuple[str, ...]
    apps: tuple[str, ...]
    zone: ZoneInfo
    windows: Windows
    may_break: tuple[str, ...] = ()

    def concerns(self, environment: str, app: str | None) -> bool:
        """Return whether it is about `app` there. What is for whole servers is about every app."""
        return _matches(self.environments, environment) and (
            app is None or _matches(self.apps, app)
        )


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze that is on, and when it ends."""

    freeze: Freeze
    until: datetime


_NEVER = datetime.min.replace(tzinfo=UTC)


def frozen_by(
    freezes: Iterable[Freeze], environment: str, app: str | None, at: datetime
) -> tuple[Frozen, ...]:
    """Return the freezes that are on at `at`, the one that ends last first."""
    found = [
        Frozen(freeze, end)
        for freeze in freezes
        if freeze.concerns(environment, app) and (end := freeze.windows.end_at(at)) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.until, reverse=True))


def frozen_until(
    freezes: Sequence[Freeze], environment: str, app: str | None, at: datetime
) -> datetime | None:
    """Return when `app` may change there again: freezes that follow each other count as one. None
    if nothing freezes it at `at`."""
    end, last = at, at + _FAR
    while end < last and (found := frozen_by(freezes, environment, app, end)):
        end = found[0].until
    return None if end == at else end


def moment(wall: datetime, zone: ZoneInfo, *, later: bool = False) -> datetime:
    """Return when the clocks of `zone` show `wall`, in UTC: of two such moments the first, or the
    `later` one. A time that they skip is the moment at which they go forward."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if later else first
    return _change_between(second, first, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which the offset of `zone` changes between these moments."""
    old = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        there = (before + timedelta(seconds=middle)).astimezone(zone).utcoffset()
        low, high = (middle, high) if there == old else (low, middle)
    return before + timedelta(seconds=high)


def merged(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield `spans` in order, those that touch or overlap as one."""
    begin: datetime | None = None
    end = _NEVER
    for start, stop in sorted(spans):
        if begin is not None and start <= end:
            end = max(end, stop)
            continue
        if begin is not None:
            yield begin, end
        begin, end = start, stop
    if begin is not None:
        yield begin, end


def _matches(patterns: Sequence[str], text: str) -> bool:
    return any(pattern == "*" or fnmatchcase(text, pattern) for pattern in patterns)
