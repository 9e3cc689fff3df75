"""The next times of a recurrence. Pure.

Intervals are counted in UTC, all else in the local time of a zone, as in baton.timing.calendar has
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache

from baton.timing.calendar import next_cron, to_utc, zone
from bot.schedules.recurrence import Cron, Every, Once, Weekly, When


def next_time(when: When, after: datetime, anchor: datetime) -> datetime | None:
    """Return the first time of `when` that is later than `after`, in UTC; None if there is none.

    Intervals are counted from `anchor`. Raises UnknownZone.
    """
    clocks = zone(when.zone)
    match when.recurrence:
        case Every(seconds=seconds):
            passed = (after - anchor) // timedelta(seconds=seconds)
            return anchor + timedelta(seconds=max(passed + 1, 1) * seconds)
        case Weekly(days=days, times=times):
            found = (next_cron(_fields(days, each), after, clocks) for each in times)
            return min((one for one in found if one is not None), default=None)
        case Cron(expression=expression):
            return next_cron(expression, after, clocks)
        case Once(local=local):
            at = to_utc(local, clocks)
            return at if at > after else None


def upcoming(when: When, after: datetime, anchor: datetime) -> Iterator[datetime]:
    """Yield all times of `when` after `after`, in order. Raises UnknownZone."""
    at = next_time(when, after, anchor)
    while at is not None:
        yield at
        at = next_time(when, at, anchor)


@lru_cache(maxsize=4096)
def _fields(days: tuple[int, ...], at: time) -> str:
    on = "*" if len(days) == 7 else ",".join(str(day + 1) for day in days)
    return f"{at.minute} {at.hour} * * {on}"
