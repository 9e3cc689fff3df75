"""AuditChain seals the entries of the audit log: each gets its number in the chain, and its hash.

Entries are written without a hash, by every bot, and sealed a moment later by the leader. So what
people ask never waits for the head of the chain. What somebody changes in that moment is not found;
but who can do that can also compute every hash anew, and only a head that was posted before tells.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial

from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select, update

from baton.bus.messages import Person, State
from bot.audit.chain import Head, Link, posted
from bot.jobs import Place
from bot.schedules.posts import ChannelNotice
from bot.store.database.column_types import Key
from bot.store.database.open import open_database
from bot.store.database.sql import AnyRow
from bot.store.database.transactions import Database
from bot.store.jobs import schedule_post_rows
from bot.store.jobs.job_rows import audit_of
from bot.store.migrations.migrate import check_version
from bot.store.tables.job_tables import audit, audit_head

BATON = Person(id="baton", name="Baton")
BATCH_SIZE = 500
"""Entries that are sealed in one transaction, or read at once."""

_SEAL = (
    update(audit)
    .where(audit.c.number == bindparam("row"))
    .values(
        link=bindparam("at", type_=BigInteger),
        previous=bindparam("before", type_=Key),
        hash=bindparam("sealed", type_=Key),
    )
)


class AuditChain:
    """The chain in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[AuditChain]:
        """Open the chain in the database at `url`, to read it: no table is made or changed. Raises
        UnusableUrl, DatabaseUnavailable, and StoreError if its tables are not of this version."""
        database = open_database(url)
        try:
            await check_version(database)
            yield cls(database)
        finally:
            await database.close()

    async def seal(self, limit: int = BATCH_SIZE) -> int:
        """Seal at most `limit` entries, in the order in which they were written; return how many.
        Of two bots that do so at once the second goes on where the first ends."""

        def seal(connection: Connection) -> int:
            head = _head(connection, lock=True)
            waiting = select(audit).where(audit.c.link.is_(None)).order_by(audit.c.number)
            sealed = []
            for row in connection.execute(waiting.limit(limit)):
                before, head = head.hash, head.sealed(audit_of(row))
                values = {"row": row.number, "at": head.number}
                sealed.append({**values, "before": before, "sealed": head.hash})
            if sealed:
                connection.execute(_SEAL, sealed)
                connection.execute(update(audit_head).values(number=head.number, hash=head.hash))
            return len(sealed)

        if not await self._database.read(_some_unsealed):
            return 0
        return await self._database.write(seal)

    async def head(self) -> Head:
        """Return the last link."""
        return await self._database.read(_head)

    async def links(self, first: int = 1) -> AsyncIterator[Link]:
        """Yield the links from the one with the number `first` on, with what their entries say now.
        Whether they are right is for a verifier."""
        after = first - 1
        while True:
            rows = await self._database.read(partial(_page, after=after))
            for row in rows:
                yield Link(row.link, row.previous or "", row.hash or "", audit_of(row))
                after = row.link
            if len(rows) < BATCH_SIZE:
                return

    async def show_head(self, place: Place, at: datetime) -> None:
        """Have the head posted in `place`, once a day, if there is one. `at` is now."""

        def write(connection: Connection) -> None:
            head, name = _head(connection), f"audit-{at:%Y-%m-%d}"
            if head.number and not schedule_post_rows.several(connection, [name]):
                notice = ChannelNotice(
                    id=name,
                    place=place,
                    owner=BATON,
                    title="audit log",
                    since=at,
                    text=posted(head),
                    state=State.SUCCEEDED,
                )
                schedule_post_rows.show(connection, [notice])

        await self._database.write(write)


def _some_unsealed(connection: Connection) -> bool:
    statement = select(func.min(audit.c.number)).where(audit.c.link.is_(None))
    return connection.execute(statement).scalar() is not None


def _head(connection: Connection, *, lock: bool = False) -> Head:
    statement = select(audit_head.c.number, audit_head.c.hash)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is not None:
        return Head(row.number, row.hash)
    # somebody has removed it: the chain goes on behind its last entry
    last = select(audit.c.link, audit.c.hash).order_by(audit.c.link.desc().nulls_last()).limit(1)
    found = connection.execute(last).first()
    head = Head() if found is None or found.link is None else Head(found.link, found.hash or "")
    if lock:
        values = {"number": head.number, "hash": head.hash}
        connection.execute(insert(audit_head).values(id=1, **values))
    return head


def _page(connection: Connection, after: int) -> list[AnyRow]:
    statement = select(audit).where(audit.c.link > after).order_by(audit.c.link)
    return list(connection.execute(statement.limit(BATCH_SIZE)))
