"""Detects late check-ins (a dead man's switch).

Source: Healthchecks.io, "Simple" and "Cron" schedules with a grace time. All times are Unix seconds
of the wall clock, because cron is about that clock.
"""

from __future__ import annotations

from alerts.cron import last_time, next_time


def late_at(
    received: float,
    grace: float,
    *,
    every: float | None = None,
    cron: str = "",
    zone: str = "UTC",
    came: bool = True,
) -> float:
    """Return when a check-in that last came at `received` is late: `grace` seconds after the next
    one is expected, which is `every` seconds later or at the next time of `cron`.

    A check-in that comes up to `grace` seconds before a time of `cron`, and nearer to it than to
    the time before, counts for it, because clocks differ. If nothing `came` at `received`, that
    time is still expected. Raises UnknownZone.
    """
    if every is not None:
        return received + every + grace
    expected = next_time(cron, received, zone)
    if (
        came
        and expected - received <= grace
        and expected - received < received - last_time(cron, received, zone)
    ):
        expected = next_time(cron, expected, zone)
    return expected + grace
