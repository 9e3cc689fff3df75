"""When a check-in must have been heard from: a dead man's switch.

Source: Healthchecks.io, "Simple" and "Cron" schedules with a grace time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def next_time(cron: str, after: float, zone: str = "UTC") -> float:
    """The first time past `after` that `cron` names, in Unix seconds.

    `cron` has five fields and is read as Debian's cron reads it, in `zone`, summer time included.
    """
    return next(CronSim(cron, _local(after, zone))).timestamp()


def last_time(cron: str, before: float, zone: str = "UTC") -> float:
    """The last time that `cron` names at or before `before`."""
    return next(CronSim(cron, _local(before + 1, zone), reverse=True)).timestamp()


def due(
    heard: float, grace: float, *, every: float | None = None, cron: str = "", zone: str = "UTC"
) -> float:
    """When a check-in is late that was last `heard` from: `every` so many seconds, or by `cron`,
    and `grace` seconds after that."""
    expected = heard + every if every is not None else next_time(cron, heard, zone)
    return expected + grace


def checked_cron(cron: str) -> str:
    """`cron`, if it names a time. Raises ValueError that says what it must be."""
    must = f"five fields such as “0 3 * * *” (not “{cron}”"
    if len(cron.split()) != 5:
        raise ValueError(f"{must})")
    try:
        next_time(cron, 0.0)
    except CronSimError as error:
        raise ValueError(f"{must}: {str(error)[:1].lower()}{str(error)[1:]})") from None
    except StopIteration:
        raise ValueError(f"{must}: it names no time)") from None
    return cron


def checked_zone(zone: str) -> str:
    """`zone`, if there is such a time zone. Raises ValueError that says what it must be."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"a time zone such as Europe/Berlin (not “{zone}”)") from None
    return zone


def _local(at: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at, UTC if zone == "UTC" else ZoneInfo(zone))
