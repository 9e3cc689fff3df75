"""Audit entries: who requested what, where, and whether it was allowed. They are never removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, insert, or_, select

from bot.jobs import AuditEntry
from bot.store.database.text_search import has_name
from bot.store.database.transactions import Database
from bot.store.jobs.job_rows import audit_of, audit_row
from bot.store.tables.job_tables import audit


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant: all that is given must be true of one. `person` is an ID;
    `environment` may be one of several; `since` counts itself, `until` does not."""

    person: str = ""
    environment: str = ""
    verdict: str = ""
    since: datetime | None = None
    until: datetime | None = None


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

    async def recent(self, limit: int = 20) -> list[AuditEntry]:
        """Return the last entries, newest first."""
        return [entry for _, entry in await self.page(AuditFilter(), limit)]

    async def page(
        self, wanted: AuditFilter, limit: int, before: int | None = None
    ) -> list[tuple[int, AuditEntry]]:
        """Return the last entries that are `wanted`, newest first, each with its number: of those
        that are older than the entry with the number `before`, if that is given."""

        def read(connection: Connection) -> list[tuple[int, AuditEntry]]:
            statement = _wanted(wanted).limit(limit)
            if before is not None:
                time = connection.scalar(select(audit.c.time).where(audit.c.number == before))
                if time is None:
                    return []
                earlier = and_(audit.c.time == time, audit.c.number < before)
                statement = statement.where(audit.c.time <= time, or_(audit.c.time < time, earlier))
            return [(row.number, audit_of(row)) for row in connection.execute(statement)]

        return await self._database.read(read)


def _wanted(wanted: AuditFilter) -> Select[Any]:
    statement = select(audit).order_by(audit.c.time.desc(), audit.c.number.desc())
    equal = {audit.c.person_id: wanted.person, audit.c.verdict: wanted.verdict}
    for column, value in equal.items():
        if value:
            statement = statement.where(column == value)
    if wanted.environment:
        statement = statement.where(has_name(audit.c.environment, wanted.environment))
    if wanted.since is not None:
        statement = statement.where(audit.c.time >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(audit.c.time < wanted.until)
    return statement
