"""The time that all bots of one database go by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, select

from bot.store.database.transactions import Database


class DatabaseClock:
    """Tells PostgreSQL's own time, so that the clocks of the bots need not agree. Bots that share
    an SQLite file share a machine, and go by `local`."""

    def __init__(self, database: Database, local: Callable[[], datetime]) -> None:
        self._database = database
        self._local = local
        self._is_shared = database.url.get_backend_name() == "postgresql"

    async def read(self) -> datetime:
        """Return the current time. Raises DatabaseUnavailable."""
        return await self._database.read(self.now) if self._is_shared else self._local()

    def now(self, connection: Connection) -> datetime:
        """Return the current time, within the transaction of `connection`."""
        if not self._is_shared:
            return self._local()
        moment = connection.execute(select(func.clock_timestamp())).scalar_one()
        assert isinstance(moment, datetime)
        return moment
