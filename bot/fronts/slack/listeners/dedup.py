"""Remembers recent and running interactions: a double click counts once, and an edit waits for
its message."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

MAX_KEYS = 5_000


class RecentKeys:
    """A set of keys, each remembered for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def seen_before(self, key: str) -> bool:
        """Return whether `key` was added within that time, and add it."""
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
        """Forget `key`."""
        self._until.pop(key, None)


class KeyedLock:
    """A lock for each key."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Wait until the lock of `key` is free, and hold it."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1
