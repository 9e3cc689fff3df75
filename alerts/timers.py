"""Timers: when to look at what. Moving a timer to a later time costs nothing until it is due."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator


class Timers:
    """At most one time for each key. A key is due at its time, or too early if its time was moved:
    the caller checks whether it is really due, and sets it again."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._set: dict[str, float] = {}

    def set(self, key: str, at: float) -> None:
        """Make `key` due at `at` at the latest; an earlier time stays."""
        if at < self._set.get(key, math.inf):
            self._set[key] = at
            heapq.heappush(self._heap, (at, key))

    def due(self, now: float) -> Iterator[str]:
        """Yield each key whose time has come, and remove it."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._set.get(key) == at:
                del self._set[key]
                yield key

    def drop(self, key: str) -> None:
        """Remove `key`."""
        self._set.pop(key, None)

    def next(self) -> float:
        """Return the earliest time; infinite if there is none."""
        while self._heap and self._set.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
