"""A ring of the last frames of a job: each has a number, and old ones go. Pure."""

from __future__ import annotations

from collections import deque

from bot.store.jobs.news import Position
from bot.web.console.feed.frame import Frame

MOST_FRAMES = 240
"""Frames that are kept: a minute of a job that never rests."""
MOST_BYTES = 4_000_000
"""Bytes of all frames that are kept, about."""


class Ring:
    """The last frames, one after the other. `end` is the number of the one that comes next."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self.end = 0

    @property
    def begin(self) -> int:
        """The number of the oldest frame that is there."""
        return self.end - len(self._frames)

    def add(self, frame: Frame) -> None:
        """Add the frame that comes next, and drop what is too old."""
        self._frames.append(frame)
        self._bytes += frame.size
        self.end += 1
        while len(self._frames) > 1 and (
            len(self._frames) > MOST_FRAMES or self._bytes > MOST_BYTES
        ):
            self._bytes -= self._frames.popleft().size

    def get(self, number: int) -> Frame | None:
        """Return the frame of that number; None if it is gone or has not come yet."""
        return self._frames[number - self.begin] if self.begin <= number < self.end else None

    def following(self, position: Position) -> int | None:
        """Return the number of the frame that begins at `position`; None if there is none."""
        for at in range(len(self._frames) - 1, -1, -1):
            if self._frames[at].begin == position:
                return self.begin + at
        return None
