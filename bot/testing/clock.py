"""A clock that runs as usual, and that a test moves forward."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from baton.bus.messages import now


class MovedClock:
    """Tells the time, moved by what has passed in the test."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        """Return the time, as a clock on the wall shows it."""
        return now() + self._moved

    def wall(self) -> float:
        """Return the time in Unix seconds."""
        return self().timestamp()

    def monotonic(self) -> float:
        """Return the seconds of a steady clock, which is moved with the other."""
        return time.monotonic() + self._moved.total_seconds()

    def move(self, by: timedelta) -> None:
        """Move it forward. Raises ValueError if that is backward."""
        if by < timedelta():
            raise ValueError(f"time passes forward only, not by {by}")
        self._moved += by
