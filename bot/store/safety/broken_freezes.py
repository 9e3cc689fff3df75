"""BrokenFreezes: who broke which freeze, why, and who has looked at it since. An item stays open
until somebody else has reviewed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, delete, select, update

from baton.bus.messages import Person
from bot.jobs import Place, short_id
from bot.schedules.posts import channel_notice
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.prefixes import begins_with, prefix_of
from bot.store.database.sql import AnyRow, upsert
from bot.store.database.transactions import Database
from bot.store.jobs import schedule_post_rows
from bot.store.jobs.changes import JobChanges
from bot.store.jobs.job_rows import place_of, place_row
from bot.store.safety.lock_rows import person_of, person_row
from bot.store.tables.lock_tables import broken_freezes as table


@dataclass(frozen=True, slots=True)
class BrokenFreeze:
    """A request that passed a freeze. `key` is that of the request, `job` what it started, `words`
    what was typed, `freeze` the names of the freezes. `reviewed`: when somebody else, `reviewer`,
    has looked at it."""

    id: str
    key: str
    job: str
    at: datetime
    person: Person
    place: Place
    words: str
    environment: str
    command: str
    app: str | None
    freeze: str
    reason: str
    reviewed: datetime | None = None
    reviewer: str = ""

    @property
    def text(self) -> str:
        """What people are told of it, aloud."""
        return (
            f"BREAK-GLASS: {self.person.label} broke the freeze {self.freeze} with "
            f"“{self.words}”. Reason: {self.reason}. Somebody else has to review it: /reviewed "
            f"{short_id(self.id)}"
        )


class BrokenFreezes:
    """The items in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock, changes: JobChanges) -> None:
        self._database = database
        self._clock = clock
        self._changes = changes

    async def record(self, item: BrokenFreeze, channels: Iterable[Place]) -> None:
        """Record `item`, and have it said in `channels`. The same request is recorded once."""
        mark, title = f"break-glass/{item.key}", "break-glass"
        notices = [
            channel_notice(
                f"{mark}/{one.channel}", one, item.person, title, item.text, False, item.at
            )
            for one in channels
        ]

        def record(connection: Connection) -> None:
            statement = upsert(connection, table).values(
                id=item.id,
                key=item.key,
                job=item.job,
                at=item.at,
                **person_row(item.person),
                **place_row(item.place),
                words=item.words,
                environment=item.environment,
                command=item.command,
                app=item.app,
                freeze=item.freeze,
                reason=item.reason,
                reviewed=None,
                reviewer="",
            )
            fresh = statement.on_conflict_do_nothing(index_elements=[table.c.key])
            if connection.execute(fresh.returning(table.c.id)).first() is not None:
                schedule_post_rows.show(connection, notices)

        await self._database.write(record)
        self._changes.announce({notice.id for notice in notices})

    async def open_items(self, limit: int = 100) -> list[BrokenFreeze]:
        """Return those that nobody else has reviewed, the newest first."""
        statement = select(table).where(table.c.reviewed.is_(None))
        return await self._several(statement.order_by(table.c.at.desc()).limit(limit))

    async def of_job(self, job: str) -> BrokenFreeze | None:
        """Return the item of `job`; None if it broke no freeze."""
        found = await self._several(select(table).where(table.c.job == job))
        return found[0] if found else None

    async def find(self, prefix: str) -> BrokenFreeze | None:
        """Return the one item whose id begins with `prefix`; None if there is none or several."""
        begins = prefix_of(prefix)
        if not begins:
            return None
        found = await self._several(select(table).where(begins_with(table.c.id, begins)).limit(2))
        return found[0] if len(found) == 1 else None

    async def review(self, id: str, by: Person) -> BrokenFreeze | None:
        """Record that `by` has reviewed the item `id`, if nobody has; return it as it is then."""

        def review(connection: Connection) -> BrokenFreeze | None:
            now = self._clock.now(connection)
            mine = update(table).where(table.c.id == id, table.c.reviewed.is_(None))
            connection.execute(mine.values(reviewed=now, reviewer=by.label))
            row = connection.execute(select(table).where(table.c.id == id)).first()
            return None if row is None else _item_of(row)

        return await self._database.write(review)

    async def prune(self, before: datetime) -> None:
        """Remove what was reviewed before `before`; what nobody has reviewed stays."""

        def prune(connection: Connection) -> None:
            connection.execute(delete(table).where(table.c.reviewed < before))

        await self._database.write(prune)

    async def _several(self, statement: Select[*tuple[object, ...]]) -> list[BrokenFreeze]:
        def read(connection: Connection) -> Sequence[AnyRow]:
            return connection.execute(statement).all()

        return [_item_of(row) for row in await self._database.read(read)]


def _item_of(row: AnyRow) -> BrokenFreeze:
    return BrokenFreeze(
        row.id,
        row.key,
        row.job,
        row.at,
        person_of(row),
        place_of(row),
        row.words,
        row.environment,
        row.command,
        row.app,
        row.freeze,
        row.reason,
        row.reviewed,
        row.reviewer,
    )
