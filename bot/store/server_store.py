"""Servers: the last heartbeat of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection, delete, select, update

from baton.bus.exchanges import WEEK
from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat
from bot.servers.inventory import LastHeartbeat
from bot.store.database.sql import AnyRow, upsert
from bot.store.database.transactions import Database
from bot.store.tables.server_table import servers

log = structlog.get_logger(__name__)

FORGOTTEN = 0.0
"""The interval in the row of a server that people have forgotten, at the moment in `heard`. No
heartbeat has this interval."""


class ServerStore:
    """The servers in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unreadable: set[str] = set()

    async def record(self, heartbeats: Sequence[Heartbeat], at: datetime) -> None:
        """Store the last of these heartbeats of each server. What another bot received after `at`
        stays."""
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

        def upsert_all(connection: Connection) -> None:
            insert = upsert(connection, servers)
            changing = ("facts", "heard", "interval", "leaving")
            statement = insert.on_conflict_do_update(
                index_elements=[servers.c.host],
                set_={name: insert.excluded[name] for name in changing},
                where=servers.c.heard <= insert.excluded.heard,
            )
            connection.execute(statement, rows)

        await self._database.write(upsert_all)

    async def all(self) -> list[LastHeartbeat]:
        """Return every server that has sent a heartbeat and is not forgotten since, by host."""

        def read(connection: Connection) -> list[LastHeartbeat]:
            known = servers.c.interval > FORGOTTEN
            rows = connection.execute(select(servers).where(known).order_by(servers.c.host))
            return [last for row in rows if (last := self._last_heartbeat(row)) is not None]

        return await self._database.read(read)

    async def forget(self, host: str, at: datetime) -> None:
        """Drop `host` until it sends a heartbeat after `at`. Other bots find it in `forgotten`."""

        def write(connection: Connection) -> None:
            old = (servers.c.interval == FORGOTTEN, servers.c.heard < at - timedelta(seconds=WEEK))
            connection.execute(delete(servers).where(*old))
            this = (servers.c.host == host, servers.c.heard <= at)
            connection.execute(update(servers).where(*this).values(interval=FORGOTTEN, heard=at))

        await self._database.write(write)

    async def forgotten(self) -> dict[str, datetime]:
        """Return the servers that people have lately forgotten and that are silent since, and
        when."""

        def read(connection: Connection) -> dict[str, datetime]:
            columns = select(servers.c.host, servers.c.heard)
            rows = connection.execute(columns.where(servers.c.interval == FORGOTTEN))
            return {row.host: row.heard for row in rows}

        return await self._database.read(read)

    def _last_heartbeat(self, row: AnyRow) -> LastHeartbeat | None:
        """Return the server in `row`. A row of an older Baton that cannot be read is logged once:
        the server is known again from its next heartbeat on, and the others are not affected."""
        try:
            facts = Facts.model_validate_json(row.facts)
        except ValidationError as error:
            if row.host not in self._unreadable:
                self._unreadable.add(row.host)
                log.warning("a server in the database cannot be read", error=str(error)[:300])
            return None
        return LastHeartbeat(facts, row.heard, row.interval, row.leaving)
