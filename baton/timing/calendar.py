"""The calendar has times of day: cron, fixed times, zones. Pure.

Changes of clocks are as in cronsim, which does as Debian's cron: a fixed time in the hour that is
skipped is right after it, one in the hour that comes twice is in the first; what is meant for any
hour or minute follows UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from baton.errors import BatonError
from baton.text.printable import printable

_MINUTE = timedelta(minutes=1)
_LONGEST_CRON = 256
_BACK = tuple(timedelta(hours=hours) for hours in (2, 48, 24 * 60, 24 * 800, 24 * 366 * 30))
"""How far back the last time of a cron expression is looked for, one after the other."""


class UnknownZone(BatonError):
    """Unknown time zone “{zone}”. Use a name such as Europe/Berlin, or UTC."""

    permanent = True


def zone(name: str) -> ZoneInfo:
    """Return the zone of that name. Raises UnknownZone."""
    if name == "UTC":
        return _UTC
    try:
        return _zone(name)
    except (KeyError, ValueError, OSError):
        raise UnknownZone(zone=printable(name)[:80]) from None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    # by its own name, or, where the system has no old ones, by the one that is used today
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(_links()[name])


def canonical(name: str) -> str:
    """Return the name that the zone `name` has today: Europe/Kyiv for Europe/Kiev, and for
    europe/kyiv.

    Raises UnknownZone.
    """
    known = zones().get(name.lower())
    if known is None:
        known = zone(name).key
    return known if known in _places() else _links().get(known, known)


@cache
def zones() -> Mapping[str, str]:
    """Return every zone that exists, by its name in lower case."""
    names = (name for name in available_timezones() if not name.startswith(("posix/", "right/")))
    return {name.lower(): name for name in names}


@cache
def _places() -> frozenset[str]:
    """The zones that a place has today, though their clocks may be those of another."""
    text = (files("tzdata.zoneinfo") / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return frozenset(row[2] for row in rows if len(row) > 2)


@cache
def _links() -> Mapping[str, str]:
    """The names of today, by those that are old, from the source of the zones (zic(8), `L`)."""
    text = (files("tzdata.zoneinfo") / "tzdata.zi").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line.startswith("L "))
    found = {row[2]: row[1] for row in rows if len(row) > 2}
    kept = ("UTC", "GMT")
    return {
        old: found.get(new, new)
        for old, new in found.items()
        if old not in kept and not old.startswith("Etc/")
    }


def next_cron(expression: str, after: datetime, clocks: tzinfo) -> datetime | None:
    """Return the first time after `after` that `expression` names on these clocks, in UTC.

    Returns None if there is none.
    """
    # Begun within an hour that comes twice, cronsim starts in the first: what has passed is left.
    for found in CronSim(expression, after.astimezone(clocks)):
        at = found.astimezone(UTC)
        if at > after:
            return at
    return None


def last_cron(expression: str, until: datetime, clocks: tzinfo) -> datetime | None:
    """Return the last time at or before `until` that `expression` names on these clocks, in UTC.

    Returns None if there is none in the last 30 years.
    """
    for back in _BACK:
        found = next_cron(expression, until - back, clocks)
        if found is not None and found <= until:
            return _last(expression, found, until, clocks)
    return None


def _last(expression: str, found: datetime, until: datetime, clocks: tzinfo) -> datetime:
    """The last one from `found`, which is one, to `until`, by halves."""
    past = until
    while True:
        middle = found + (past - found) / 2
        later = next_cron(expression, middle, clocks)
        if later is not None and later <= until:
            found = later
        elif past - found > _MINUTE:
            past = middle
        else:
            after = next_cron(expression, found, clocks)
            if after is None or after > until:
                return found
            found = after


def cron_times(expression: str, after: datetime, clocks: tzinfo) -> Iterator[datetime]:
    """Return all times of `expression` after `after`, in order."""
    at = next_cron(expression, after, clocks)
    while at is not None:
        yield at
        at = next_cron(expression, at, clocks)


def cron_error(expression: str) -> str:
    """Return what is wrong with a cron expression; empty if nothing is."""
    if len(expression.split()) != 5:
        return "it has five fields: minute, hour, day of the month, month, day of the week"
    if len(expression) > _LONGEST_CRON:
        return f"it is longer than {_LONGEST_CRON} characters"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)[:1].lower() + str(error)[1:]
    except ValueError:
        return "it contains a digit other than 0-9"
    except StopIteration:
        return "that day never comes"
    return ""


def to_utc(local: datetime, clocks: tzinfo) -> datetime:
    """Return `local` of these clocks in UTC.

    It is the first if it comes twice; if it never comes, it is right after the gap.
    """
    at = local.replace(tzinfo=clocks, fold=0)
    while at.astimezone(UTC).astimezone(clocks).replace(tzinfo=None) != at.replace(tzinfo=None):
        at = at.replace(second=0) + _MINUTE
    return at.astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """Return the last second of `day`."""
    return datetime.combine(day, time(23, 59, 59))


_UTC = _zone("UTC")
