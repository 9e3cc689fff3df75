"""Envelopes: what a front end delivered already, so that a second delivery does nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from bot.store.database import Database
from bot.store.sql import upsert
from bot.store.tables import envelopes

KEPT = timedelta(hours=24)
"""For how long a delivery is remembered. Slack gives up after an hour."""


class Envelopes:
    """The deliveries in `database`. An ask needs none of this: its job's key tells."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def seen(self, key: str) -> bool:
        """Whether `key` was delivered before; it is from now on. Raises DatabaseUnavailable."""
        at = self._clock()

        def note(connection: Connection) -> bool:
            statement = (
                upsert(connection, envelopes)
                .values(key=key, at=at)
                .on_conflict_do_nothing(index_elements=[envelopes.c.key])
                .returning(envelopes.c.key)
            )
            new = connection.execute(statement).scalar() is not None
            if new:
                connection.execute(delete(envelopes).where(envelopes.c.at < at - KEPT))
            return not new

        return await self._database.write(note)
