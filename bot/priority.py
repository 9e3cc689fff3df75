"""Requests have priority over background work: a person waits for the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

GRACE = 0.004
"""Seconds after an ask for which its answer is still on the way out."""
SHORT_FOREGROUND = 0.5
"""Seconds after which an ask takes long anyway, as a replay of alerts does: nobody waits for it."""
MAX_WAIT, MIN_BACKGROUND = 0.25, 0.025
"""Seconds after which the others go on all the same, however many ask, and for how long then."""


class ForegroundPriority:
    """Who answers people takes it. Who does the rest asks for it before each small piece of work,
    and gets at least a tenth of the time."""

    def __init__(self) -> None:
        self._takers = 0
        self._free_at = self._last = 0.0
        self._free = asyncio.Event()
        self._open_until = 0.0

    @contextlib.contextmanager
    def foreground(self) -> Iterator[None]:
        """Mark that somebody is being answered."""
        self._takers += 1
        self._last = asyncio.get_running_loop().time()
        self._free.clear()
        try:
            yield
        finally:
            self._takers -= 1
            if not self._takers:
                self._free_at = asyncio.get_running_loop().time() + GRACE
                self._free.set()

    async def yield_to_foreground(self) -> None:
        """Return when nobody is being answered, after MAX_WAIT at the latest."""
        clock = asyncio.get_running_loop().time
        if clock() < self._open_until:
            return
        try:
            async with asyncio.timeout(MAX_WAIT):
                while self._young(clock()) or clock() < self._free_at:
                    await self._free.wait()
                    await asyncio.sleep(self._free_at - clock())
        except TimeoutError:
            self._open_until = max(self._open_until, clock() + MIN_BACKGROUND)

    def _young(self, now: float) -> bool:
        return bool(self._takers) and now < self._last + SHORT_FOREGROUND
