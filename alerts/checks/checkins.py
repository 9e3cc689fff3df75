"""When a check-in must have been heard from: a dead man's switch.

Source: Healthchecks.io, "Simple" and "Cron" schedules with a grace time. All times are Unix seconds
of the clock on the wall: cron is about that one.
"""

from __future__ import annotations

from alerts.cron import last_time, next_time


def late_at(
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
