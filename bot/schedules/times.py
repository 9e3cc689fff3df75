"""When it is time next. Pure.

Over changes of clocks as cronsim, which does as Debian's cron: a fixed time in the hour that is
skipped is right after it, one in the hour that comes twice is in the first; what is meant for any
hour or minute, and intervals, go by UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bot.schedules.recurrence import Cron, Every, Once, Weekly, When

_MINUTE = timedelta(minutes=1)


def next_time(when: When, after: datetime, anchor: datetime) -> datetime | None:
    """The first time of `when` that is later than `after`, in UTC; None if there is none.

    Intervals are counted from `anchor`.
    """
    zone = ZoneInfo(when.zone)
    match when.recurrence:
        case Every(seconds=seconds):
            passed = (after - anchor) // timedelta(seconds=seconds)
            return anchor + timedelta(seconds=max(passed + 1, 1) * seconds)
        case Weekly(days=days, times=times):
            found = (_by_cron(_fields(days, each), after, zone) for each in times)
            return min((one for one in found if one is not None), default=None)
        case Cron(expression=expression):
            return _by_cron(expression, after, zone)
        case Once(local=local):
            at = real(local, zone)
            return at if at > after else None


def upcoming(when: When, after: datetime, anchor: datetime) -> Iterator[datetime]:
    """All times of `when` after `after`, in order."""
    at = next_time(when, after, anchor)
    while at is not None:
        yield at
        at = next_time(when, at, anchor)


def real(local: datetime, zone: tzinfo) -> datetime:
    """`local` of the clocks in `zone`, in UTC: the first if it comes twice; if it never comes,
    right after the gap."""
    at = local.replace(tzinfo=zone, fold=0)
    while at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at.replace(tzinfo=None):
        at = at.replace(second=0) + _MINUTE
    return at.astimezone(UTC)


def last_second(day: date) -> datetime:
    """The end of `day`."""
    return datetime.combine(day, time(23, 59, 59))


def fault_of(expression: str) -> str:
    """What is wrong with a cron expression; empty if nothing is."""
    if len(expression.split()) != 5:
        return "it has five fields: minute, hour, day of the month, month, day of the week"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)[:1].lower() + str(error)[1:]
    except StopIteration:
        return "that day never comes"
    return ""


@lru_cache(maxsize=4096)
def _fields(days: tuple[int, ...], at: time) -> str:
    on = "*" if len(days) == 7 else ",".join(str(day + 1) for day in days)
    return f"{at.minute} {at.hour} * * {on}"


def _by_cron(expression: str, after: datetime, zone: tzinfo) -> datetime | None:
    # Begun within an hour that comes twice, cronsim starts in the first: what has passed is left.
    for found in CronSim(expression, after.astimezone(zone)):
        at = found.astimezone(UTC)
        if at > after:
            return at
    return None
