"""A stall is when this process did not run: frozen, swapped out, or suspended with its machine.

What arrived meanwhile waited unread for an unknown time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

CHECK_INTERVAL = 0.5
"""Seconds between two looks at the clock."""
STALL_THRESHOLD = 3.0
"""Seconds without a look that are no mere delay."""
RECOVERY_TIME = 2.0
"""Seconds after which what lay unread has been read."""


def elapsed() -> float:
    """Return seconds on a clock that nobody sets, and that runs on while the machine is
    suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class StallDetector:
    """The detector reads `clock`, in seconds, again and again; from `start` to `stop`."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._looked = clock()
        self._stood = 0.0
        self._woke = -RECOVERY_TIME
        self._timer: asyncio.TimerHandle | None = None

    @property
    def seconds(self) -> float:
        """Return how long the stall was that has just ended; 0 if there was none."""
        self.check()
        return self._stood if self._clock() - self._woke <= RECOVERY_TIME else 0.0

    def start(self) -> None:
        """Begin to read the clock."""
        self._looked = self._clock()
        self._again()

    def stop(self) -> None:
        """Stop reading the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def check(self) -> None:
        """Read the clock."""
        at = self._clock()
        stood, self._looked = at - self._looked, at
        if stood > STALL_THRESHOLD:
            self._stood, self._woke = stood, at

    def _again(self) -> None:
        self.check()
        self._timer = asyncio.get_running_loop().call_later(CHECK_INTERVAL, self._again)
