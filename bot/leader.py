"""Leadership: of several bots, one at a time sends, hears, tells and closes; all of them take asks.

The lease is a row in the database with an end. Who holds it renews it three times in its life;
when its holder dies another takes over as soon as it has run out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.store.errors import DatabaseUnavailable
from bot.store.leases import LEASE, Leases

log = structlog.get_logger(__name__)

LEASE_SECONDS = 6.0
"""How long a lease holds without being renewed."""


class Leader:
    """Calls `begin` when the lease is won and `end` when it is lost.

    `holder` must be nobody else's name, also after a restart. Who cannot renew the lease, because
    the database is away, lets go when it runs out: another bot may see the database.
    """

    def __init__(
        self,
        leases: Leases,
        holder: str,
        begin: Callable[[], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
        *,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._leases = leases
        self._holder = holder
        self._begin = begin
        self._end = end
        self._seconds = seconds
        self._until = 0.0
        self.leading = False

    async def run(self) -> None:
        """Take part, until cancelled; then give the lease back."""
        try:
            while True:
                pause = self._seconds / (3 if await self._round() else 12)
                left = self._until - time.monotonic()
                await asyncio.sleep(max(min(pause, left), 0.0) if self.leading else pause)
        finally:
            await self._let_go()
            await self._give_back()

    async def _round(self) -> bool:
        """Take or renew the lease; whether the database said who has it."""
        asked = time.monotonic()
        left = self._until - asked if self.leading else self._seconds
        try:
            async with asyncio.timeout(left):
                mine = await self._leases.take(LEASE, self._holder, self._seconds)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("lease not renewed", reason=str(error) or "the database does not answer")
            if time.monotonic() >= self._until:
                await self._let_go()
            return False
        if not mine:
            await self._let_go()
            return True
        self._until = asked + self._seconds
        if not self.leading:
            log.info("this bot leads", holder=self._holder)
            self.leading = True
            await self._begin()
        return True

    async def _let_go(self) -> None:
        if self.leading:
            log.info("this bot leads no longer", holder=self._holder)
            self.leading = False
            await self._end()

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(self._seconds / 3):
                await self._leases.release(LEASE, self._holder)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("lease not given back", reason=str(error))
