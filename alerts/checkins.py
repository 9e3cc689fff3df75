"""When a check-in must have been heard from: a dead man's switch.

Source: Healthchecks.io, "Simple" and "Cron" schedules with a grace time. All times are Unix seconds
of the clock on the wall: cron is about that one.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from baton import times


def next_time(cron: str, after: float, zone: str = "UTC") -> float:
    """The first time past `after` that `cron` names; infinite if there is none.

    `cron` has five fields and is read as Debian's cron reads it, in `zone`, summer time included.
    Raises UnknownZone.
    """
    found = times.next_cron(cron, _utc(after), times.zone(zone))
    return math.inf if found is None else found.timestamp()


def last_time(cron: str, before: float, zone: str = "UTC") -> float:
    """The last time that `cron` names at or before `before`; minus infinity if there is none.
    Raises UnknownZone."""
    found = times.last_cron(cron, _utc(before), times.zone(zone))
    return -math.inf if found is None else found.timestamp()


def due(
    heard: float,
    grace: float,
    *,
    every: float | None = None,
    cron: str = "",
    zone: str = "UTC",
    came: bool = True,
) -> float:
    """When a check-in is late that was last `heard` from: `every` so many seconds, or by `cron`,
    and `grace` seconds after that.

    What comes up to `grace` seconds before a time of `cron`, nearer to it than to the time before,
    counts for it: clocks differ. If nothing `came` at `heard`, that time is waited for all the
    same. Raises UnknownZone.
    """
    if every is not None:
        return heard + every + grace
    expected = next_time(cron, heard, zone)
    if (
        came
        and expected - heard <= grace
        and expected - heard < heard - last_time(cron, heard, zone)
    ):
        expected = next_time(cron, expected, zone)
    return expected + grace


def checked_cron(cron: str) -> str:
    """`cron`, if it names a time. Raises ValueError that says what it must be."""
    fault = times.fault_of(cron)
    if fault:
        raise ValueError(f"five fields such as “0 3 * * *” (not “{cron[:80]}”: {fault})")
    return cron


def checked_zone(zone: str) -> str:
    """`zone`, if there is such a time zone. Raises ValueError that says what it must be."""
    try:
        return times.canonical(zone)
    except times.UnknownZone:
        raise ValueError(f"a time zone such as Europe/Berlin (not “{zone[:80]}”)") from None


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
