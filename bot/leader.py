"""Leadership: one bot of several sends requests, takes updates, posts and fires schedules. All of
them answer people.

The lease is a row in the database that expires. Its holder renews it three times before that. When
the holder dies, another bot takes the lease as soon as it has expired.
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
"""Seconds for which a lease holds without being renewed."""


class Leader:
    """Calls `begin` when this bot gets the lease and `end` when it loses it.

    `holder` is a name that no other bot has, nor had before a restart. A bot that cannot renew the
    lease, because the database is away, stops leading when the lease expires: another bot may still
    reach the database.
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
        """Compete for the lease until cancelled; then release it."""
        try:
            while True:
                pause = self._seconds / (3 if await self._round() else 12)
                left = self._until - time.monotonic()
                await asyncio.sleep(max(min(pause, left), 0.0) if self.leading else pause)
        finally:
            await self._let_go()
            await self._give_back()

    async def _round(self) -> bool:
        """Take or renew the lease. Return whether the database said who has it."""
        asked = time.monotonic()
        left = self._until - asked if self.leading else self._seconds
        try:
            async with asyncio.timeout(left):
                mine = await self._leases.take(LEASE, self._holder, self._seconds)
        except (DatabaseUnavailable, TimeoutError) as error:
            reason = str(error) or "the database did not answer in time"
            log.warning("the lease could not be renewed", reason=reason)
            if time.monotonic() >= self._until:
                await self._let_go()
            return False
        if not mine:
            await self._let_go()
            return True
        self._until = asked + self._seconds
        if not self.leading:
            log.info("became leader", holder=self._holder)
            self.leading = True
            await self._begin()
        return True

    async def _let_go(self) -> None:
        if self.leading:
            log.info("no longer leader", holder=self._holder)
            self.leading = False
            await self._end()

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(self._seconds / 3):
                await self._leases.release(LEASE, self._holder)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("the lease could not be released", reason=str(error))
