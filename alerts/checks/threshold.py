"""A check is down after N bad results in a row, and up after M good ones.

Sources: soft and hard states of Nagios (max_check_attempts), and the `fall` and `rise` of HAProxy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many consecutive results change the hard state."""

    down_after: int = 3
    up_after: int = 2


AT_ONCE = Thresholds(1, 1)


def step(down: bool, run: int, bad: bool, limits: Thresholds) -> tuple[bool, int]:
    """Return the hard state after one more result, and how many consecutive results now contradict
    it.

    `down` and `run` are what this function returned for the result before; False and 0 at first.
    """
    if bad is down:
        return down, 0
    run += 1
    if run >= (limits.down_after if bad else limits.up_after):
        return bad, 0
    return down, run
