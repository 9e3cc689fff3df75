"""When what must be looked at. A timer that is moved later costs nothing until it is looked at."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator


class Timers:
    """At most one time for each key. A key is given at its time or a little too early (after its
    time was moved): whoever asks looks whether it is really due, and sets it anew."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._set: dict[str, float] = {}

    def set(self, key: str, at: float) -> None:
        """Look at `key` at `at` at the latest; one that is set to be earlier stays so."""
        if at < self._set.get(key, math.inf):
            self._set[key] = at
            heapq.heappush(self._heap, (at, key))

    def due(self, now: float) -> Iterator[str]:
        """Each key whose time has come; it is no longer set."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._set.get(key) == at:
                del self._set[key]
                yield key

    def drop(self, key: str) -> None:
        """Forget `key`."""
        self._set.pop(key, None)

    def next(self) -> float:
        """The earliest time; infinite if there is none."""
        while self._heap and self._set.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
