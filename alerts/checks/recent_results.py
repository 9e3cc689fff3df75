"""The last results of one check, kept small, for there may be ten thousands of checks."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator

MAX_RESULTS = 8
"""The number of results that are remembered."""
MAX_TEXT = 120
"""Characters of a result's text that are remembered."""

Result = tuple[float, bool, str]
"""When it was (steady seconds), whether it was bad, and its text."""


class RecentResults:
    """The last results, each in 16 bytes and its text. Equal texts are stored once."""

    __slots__ = ("_place", "_texts", "_times")

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self._times = array("d")
        self._texts: list[str] = []
        self._place = 0
        for result in results:
            self.add(*result)

    def add(self, at: float, bad: bool, text: str) -> None:
        """Add a result; the oldest one goes if there are too many."""
        # times are never negative, so the sign says whether the result was bad
        at = -at if bad else at
        if text:
            text = sys.intern(text[:MAX_TEXT])
        if len(self._times) < MAX_RESULTS:
            self._times.append(at)
            self._texts.append(text)
        else:
            place = self._place
            self._times[place], self._texts[place] = at, text
            self._place = (place + 1) % MAX_RESULTS

    def __iter__(self) -> Iterator[Result]:
        """Iterate over the results, oldest first."""
        for number in range(len(self._times)):
            place = (self._place + number) % len(self._times)
            at = self._times[place]
            yield abs(at), math.copysign(1.0, at) < 0, self._texts[place]
