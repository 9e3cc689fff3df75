"""The times of cron expressions."""

from __future__ import annotations

from alerts.checks.checkins import late_at
from alerts.cron import last_time, next_time


def test_cron_over_the_change_of_clocks() -> None:
    """A daily check-in is expected once on the day when an hour is missing."""
    saturday = 1_774_652_400.0  # 2026-03-28 00:00 in Berlin
    first = next_time("30 2 * * *", saturday, "Europe/Berlin")
    second = next_time("30 2 * * *", first, "Europe/Berlin")
    third = next_time("30 2 * * *", second, "Europe/Berlin")
    assert [second - first, third - second] == [86400 - 3600 + 1800, 86400 - 1800]
    assert last_time("30 2 * * *", second, "Europe/Berlin") == second
    assert late_at(0.0, 60.0, every=3600.0) == 3660.0
    assert late_at(10.0, 60.0, cron="0 * * * *") == 3660.0
