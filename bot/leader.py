"""Leadership: of several bots, one at a time sends, hears, tells and closes; all of them take asks.

The lease is a row in the database with an end. Who holds it renews it three times in its life;
when its holder dies another takes over as soon as it has run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.store.errors import DatabaseUnavailable
from bot.store.leases import Leases

log = structlog.get_logger(__name__)

LEASE = "desk"
SECONDS = 6.0
"""How long a lease holds without being renewed."""


class Leader:
    """Calls `begin` when the lease is won and `end` when it is lost."""

    def __init__(
        self,
        leases: Leases,
        holder: str,
        begin: Callable[[], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
        *,
        seconds: float = SECONDS,
    ) -> None:
        self._leases = leases
        self._holder = holder
        self._begin = begin
        self._end = end
        self._seconds = seconds
        self.leading = False

    async def run(self) -> None:
        """Take part, until cancelled; then give the lease back."""
        try:
            while True:
                await self._round()
                await asyncio.sleep(self._seconds / 3)
        finally:
            if self.leading:
                self.leading = False
                await self._end()
                await self._give_back()

    async def _round(self) -> None:
        try:
            mine = await self._leases.take(LEASE, self._holder, self._seconds)
        except DatabaseUnavailable as error:
            # whoever leads needs the database for each step, so nothing is done twice meanwhile
            log.warning("lease not renewed", error=str(error))
            return
        if mine and not self.leading:
            log.info("this bot leads", holder=self._holder)
            self.leading = True
            await self._begin()
        elif not mine and self.leading:
            log.warning("another bot leads", holder=self._holder)
            self.leading = False
            await self._end()

    async def _give_back(self) -> None:
        try:
            await self._leases.release(LEASE, self._holder)
        except DatabaseUnavailable as error:
            log.warning("lease not given back", error=str(error))
