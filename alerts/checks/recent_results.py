"""The last results of one check, kept small, for there may be ten thousands of checks."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator

MAX_RESULTS = 8
"""Results that are remembered."""
MAX_TEXT = 120
"""Characters of each that are."""

Result = tuple[float, bool, str]
"""When it was (steady seconds), whether it was bad, and what was said."""


class RecentResults:
    """The last results, each in 16 bytes and its words, which are shared with all that say the
    same."""

    __slots__ = ("_place", "_texts", "_times")

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self._times = array("d")
        self._texts: list[str] = []
        self._place = 0
        for result in results:
            self.add(*result)

    def add(self, at: float, bad: bool, text: str) -> None:
        """One more; of too many the oldest goes."""
        # no time that we are told is negative: the sign says whether it was bad
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
        """The results, oldest first."""
        for number in range(len(self._times)):
            place = (self._place + number) % len(self._times)
            at = self._times[place]
            yield abs(at), math.copysign(1.0, at) < 0, self._texts[place]
