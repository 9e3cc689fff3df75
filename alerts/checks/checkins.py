"""When a check-in is late (a dead man's switch).

Source: Healthchecks.io, "Simple" and "Cron" schedules with a grace time. All times are Unix seconds
of the wall clock, because cron is about that clock.
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
    """Return when a check-in that was last received at `heard` is late: `grace` seconds after the
    next one is expected, which is `every` seconds later or at the next time of `cron`.

    A check-in that comes up to `grace` seconds before a time of `cron`, and nearer to it than to
    the time before, counts for it, because clocks differ. If nothing `came` at `heard`, that time
    is still expected. Raises UnknownZone.
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
