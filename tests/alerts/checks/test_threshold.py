"""Hard states, as Nagios has them."""

from __future__ import annotations

from alerts.checks.threshold import Thresholds, step


def test_hard_states() -> None:
    """Down after N bad results in a row, up after M good ones; others in between start anew."""
    limits = Thresholds(3, 2)
    down, run, seen = False, 0, []
    for bad in (True, True, False, True, True, True, False, True, False, False):
        down, run = step(down, run, bad, limits)
        seen.append(down)
    assert seen == [False] * 5 + [True] * 4 + [False]
