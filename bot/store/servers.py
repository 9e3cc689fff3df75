"""Servers: what their heartbeats said last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from baton.messages import Facts, Heartbeat
from bot.inventory import Heard
from bot.store.database import Database
from bot.store.sql import upsert
from bot.store.tables import servers


class Servers:
    """The servers in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heard(self, heartbeats: Sequence[Heartbeat], at: datetime) -> None:
        """Take note of heartbeats, of which the last of each server counts. What another bot heard
        after `at` stays."""
        last = {beat.facts.host: beat for beat in heartbeats}
        if not last:
            return
        rows = [
            {
                "host": host,
                "facts": beat.facts.model_dump_json(),
                "heard": at,
                "interval": beat.interval,
                "leaving": beat.leaving,
            }
            for host, beat in sorted(last.items())
        ]

        def note(connection: Connection) -> None:
            insert = upsert(connection, servers)
            changing = ("facts", "heard", "interval", "leaving")
            statement = insert.on_conflict_do_update(
                index_elements=[servers.c.host],
                set_={name: insert.excluded[name] for name in changing},
                where=servers.c.heard <= insert.excluded.heard,
            )
            connection.execute(statement, rows)

        await self._database.write(note)

    async def all(self) -> list[Heard]:
        """Every server that was ever heard, by host."""

        def read(connection: Connection) -> list[Heard]:
            rows = connection.execute(select(servers).order_by(servers.c.host))
            return [
                Heard(Facts.model_validate_json(row.facts), row.heard, row.interval, row.leaving)
                for row in rows
            ]

        return await self._database.read(read)
