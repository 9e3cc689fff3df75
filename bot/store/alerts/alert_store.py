"""Alerts: checks, episodes, silences, and the posts about them. What the engine decided is written
in one transaction with the posts that it wants: both exist, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, delete, insert, select

from alerts.changes import Changes, Rows
from alerts.episodes import Episode
from bot.store.alerts import alert_posts, engine_rows
from bot.store.alerts.alert_posts import AlertThread
from bot.store.database.transactions import Database
from bot.store.tables.alert_tables import episodes, operations, silences
from bot.store.tables.lease_table import leases

MAX_OPERATIONS = 1000
"""Operations that are read at once, at most."""


class AlertStore:
    """The alerts in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Rows:
        """Return the state from which an engine continues."""
        return await self._database.read(engine_rows.read_all)

    async def write(
        self,
        changes: Changes,
        lease: tuple[str, str],
        at: datetime,
        done: Sequence[int] = (),
    ) -> bool:
        """Write all of `changes` if `lease` (its name, its holder) is held; return whether it is.
        They include the results of the operations that are `done`, which are removed.

        A bot that was suspended while another took over must not overwrite what that one wrote.
        """

        def write(connection: Connection) -> bool:
            held = select(leases.c.name).where(
                leases.c.name == lease[0], leases.c.holder == lease[1]
            )
            if connection.execute(held.with_for_update()).one_or_none() is None:
                return False
            engine_rows.write(connection, changes)
            alert_posts.submit(connection, changes.notifications.values(), at)
            if done:
                connection.execute(delete(operations).where(operations.c.number.in_(done)))
            return True

        return await self._database.write(write)

    async def add_operation(self, data: object) -> None:
        """Store an operation that somebody requested, until it is done."""

        def keep(connection: Connection) -> None:
            connection.execute(insert(operations).values(data=data))

        await self._database.write(keep)

    async def operations(self) -> list[tuple[int, object]]:
        """Return the operations to be done, oldest first, each with its number."""
        statement = select(operations).order_by(operations.c.number).limit(MAX_OPERATIONS)

        def read(connection: Connection) -> list[tuple[int, object]]:
            return [(row.number, row.data) for row in connection.execute(statement)]

        return await self._database.read(read)

    async def unreported(self) -> list[AlertThread]:
        """Return the posts that are not up to date, oldest first, with all that stands beside
        them."""
        return await self._database.read(alert_posts.unreported)

    async def threads(self, subjects: Sequence[str]) -> list[AlertThread]:
        """Return those of the posts with these keys that exist, up to date or not, with all that
        stands beside them."""
        return await self._database.read(partial(alert_posts.threads, subjects=subjects))

    async def mark_reported(self, revisions: Mapping[str, int]) -> None:
        """Record that these posts are shown, as they were at that revision."""
        if revisions:
            work = partial(alert_posts.mark_reported, revisions=revisions)
            await self._database.write(work)

    async def firing(self) -> list[Episode]:
        """Return the episodes that fire, oldest first."""
        return await self._database.read(engine_rows.firing)

    async def history(self, limit: int = 20) -> list[Episode]:
        """Return the last episodes, newest first."""
        columns = (episodes.c.fingerprint, episodes.c.data)
        statement = select(*columns).order_by(episodes.c.started.desc()).limit(limit)

        def read(connection: Connection) -> list[Episode]:
            found = connection.execute(statement)
            return [*engine_rows.readable(Episode, ((row.fingerprint, row.data) for row in found))]

        return await self._database.read(read)

    async def prune(self, before: datetime) -> None:
        """Remove episodes and silences that ended before then, and posts of that age that are up to
        date. Remove the numbers of checks and groups once nothing is left that uses them."""

        def prune(connection: Connection) -> None:
            connection.execute(delete(episodes).where(episodes.c.ended < before))
            connection.execute(delete(silences).where(silences.c.until < before))
            fires = select(episodes.c.started).where(episodes.c.ended.is_(None))
            oldest = connection.execute(fires.order_by(episodes.c.started).limit(1)).scalar()
            until = before if oldest is None else min(before, oldest)
            alert_posts.prune(connection, until)
            posted = alert_posts.groups_with_posts(connection)
            engine_rows.drop_unused_numbers(connection, posted)

        await self._database.write(prune)
