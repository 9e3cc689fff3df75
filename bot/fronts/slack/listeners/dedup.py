"""What was done a moment ago, and what is at work: a double click is one press, and an edit waits
for the message that it is of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

MAX_KEYS = 5_000


class RecentKeys:
    """Keys, each for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def seen_before(self, key: str) -> bool:
        """Whether `key` was here within that time; from now on it was."""
        now = self._clock()
        while self._until and (
            len(self._until) > MAX_KEYS or next(iter(self._until.values())) <= now
        ):
            self._until.popitem(last=False)
        if key in self._until:
            return True
        self._until[key] = now + self._seconds
        return False

    def discard(self, key: str) -> None:
        """As if `key` had not been here."""
        self._until.pop(key, None)


class KeyedLock:
    """One at a time for each key."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Wait until nobody else has the turn of `key`, and have it."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1
