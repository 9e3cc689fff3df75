"""Seconds that never jump: the wall clock as it was at the start, carried on by the monotonic one.

Everything in this package is told such seconds. They look like Unix time, so that they can be
written down and taken up again after a restart, and a jump of the wall clock moves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class SteadyClock:
    """Steady seconds. `wall` and `monotonic` give seconds and are only replaced in tests."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._start = wall() - monotonic()

    def now(self) -> float:
        """The steady time."""
        return self._start + self._monotonic()

    def skew(self) -> float:
        """What to add to a steady time to get the time that clocks on the wall show now."""
        return self._wall() - self.now()
