"""Audit entries: who requested what, where, and whether it was allowed. They are never removed."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from bot.jobs import AuditEntry
from bot.store.database.transactions import Database
from bot.store.jobs.job_rows import audit_of, audit_row
from bot.store.tables.job_tables import audit


class AuditEntries:
    """The audit entries in `database`. Those of requests that become jobs are written by
    Ledger.start_job.

    Every method raises DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Write `entry`."""

        def write(connection: Connection) -> None:
            connection.execute(insert(audit), audit_row(entry))

        await self._database.write(write)

    async def first_of(self, key: str) -> AuditEntry | None:
        """Return the first entry of what the request `key` started, if it started anything."""
        statement = (
            select(audit)
            .where(audit.c.key == key, audit.c.verdict == "allowed")
            .order_by(audit.c.number)
            .limit(1)
        )

        def read(connection: Connection) -> AuditEntry | None:
            row = connection.execute(statement).first()
            return None if row is None else audit_of(row)

        return await self._database.read(read)

    async def recent(
        self,
        limit: int = 20,
        *,
        person: str | None = None,
        environment: str | None = None,
    ) -> list[AuditEntry]:
        """Return the last entries, newest first: all, or those of a person (by id) or of an
        environment."""
        filters = {audit.c.person_id: person, audit.c.environment: environment}
        statement = select(audit).order_by(audit.c.time.desc(), audit.c.number.desc()).limit(limit)
        for column, value in filters.items():
            if value is not None:
                statement = statement.where(column == value)

        def read(connection: Connection) -> list[AuditEntry]:
            return [audit_of(row) for row in connection.execute(statement)]

        return await self._database.read(read)
