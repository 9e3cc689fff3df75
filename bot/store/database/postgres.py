"""PostgreSQL through asyncpg."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import override

from baton.timing.waiting import wait_at_most
from bot.store.database.notifications import Notifications
from bot.store.database.transactions import (
    LOCK_TIMEOUT,
    Database,
    Heard,
    Notifier,
    Work,
    unavailable_error,
)

T = TypeVar("T")

_CONNECTIONS = 8
_TRIES = 3
_STATEMENT_TIMEOUT = 10.0
_MET = ("40001", "40P01")
"""Serialization failure and deadlock: the transaction was rolled back, and can be tried again."""


class Postgres(Database):
    """The PostgreSQL database of `url`. Lost connections are replaced when next needed."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=LOCK_TIMEOUT,
            pool_pre_ping=True,
            connect_args={
                "timeout": LOCK_TIMEOUT,
                "command_timeout": _STATEMENT_TIMEOUT,
                "server_settings": {
                    "application_name": "baton",
                    "lock_timeout": f"{round(LOCK_TIMEOUT * 1000)}ms",
                    "idle_in_transaction_session_timeout": "30s",
                },
            },
        )
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @override
    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds. Two of its statements may see two states."""
        return await self.write(work)

    @override
    async def write(self, work: Work[T]) -> T:
        """Do `work` in one transaction; try again if it conflicted with another one."""
        tries = 1
        while True:
            try:
                return await self._transaction(work)
            except Exception as error:
                if tries < _TRIES and _met(error):
                    tries += 1
                    continue
                known = unavailable_error(self.url, error)
                if known is None:
                    raise
                raise known from error

    @override
    def notifier(self, heard: Heard) -> Notifier | None:
        """Return what tells other bots by NOTIFY."""
        return Notifications(self.url, heard)

    @override
    async def close(self) -> None:
        """Finish what is under way, for as long as one statement may take, and close every
        connection."""
        await wait_at_most(_STATEMENT_TIMEOUT, self._idle.wait())
        await self._engine.dispose()

    async def _transaction(self, work: Work[T]) -> T:
        self._under_way += 1
        self._idle.clear()
        try:
            connection = await self._engine.connect().start()
            try:
                async with connection.begin():
                    return await connection.run_sync(work)
            finally:
                # not by `async with`: that gives the connection back in a task of its own, which
                # may be cancelled before it has begun, and then nobody does
                await connection.close()
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


def _met(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") in _MET
