"""Computes the wait before the next attempt. Pure, except for random numbers."""

from __future__ import annotations

import random


def delay(failures: int, first: float, longest: float) -> float:
    """The seconds to wait after so many failures in a row, counted from 1: `first`, doubled with
    each, at most `longest`."""
    doubled: float = first * 2.0 ** min(max(failures - 1, 0), 30)
    return min(doubled, longest)


def jittered(seconds: float, share: float = 0.25) -> float:
    """`seconds`, by chance up to that `share` longer or shorter: many that failed at once do not
    come back at once."""
    return seconds * random.uniform(1 - share, 1 + share)
