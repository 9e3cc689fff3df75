"""What was done a moment ago: a double click is one press."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 5_000


class Recent:
    """Keys, each for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def had(self, key: str) -> bool:
        """Whether `key` was here within that time; from now on it was."""
        now = self._clock()
        while self._until and (len(self._until) > MOST or next(iter(self._until.values())) <= now):
            self._until.popitem(last=False)
        if key in self._until:
            return True
        self._until[key] = now + self._seconds
        return False

    def forget(self, key: str) -> None:
        """As if `key` had not been here."""
        self._until.pop(key, None)
