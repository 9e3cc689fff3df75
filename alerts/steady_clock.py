"""Steady seconds never jump: the wall clock at the start, continued by the monotonic clock.

All times in this package are such seconds. They look like Unix time, so that they can be stored and
used again after a restart, and a jump of the wall clock changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class SteadyClock:
    """Gives steady seconds. `wall` and `monotonic` return seconds and are only replaced in
    tests."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._start = wall() - monotonic()

    def now(self) -> float:
        """Return the steady time."""
        return self._start + self._monotonic()

    def skew(self) -> float:
        """Return what to add to a steady time to get the wall clock time."""
        return self._wall() - self.now()
