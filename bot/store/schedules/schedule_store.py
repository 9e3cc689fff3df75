"""Schedules and their firings. A firing is written in the transaction that creates its job: both
exist, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, or_, select, text

from bot.jobs import CONSOLE, AuditEntry
from bot.schedules.change import Change
from bot.schedules.posts import SchedulePost
from bot.schedules.schedule import Firing, Schedule
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.prefixes import begins_with, prefix_of
from bot.store.database.transactions import Database
from bot.store.jobs import job_changes, schedule_post_rows
from bot.store.jobs.changes import JobChanges
from bot.store.schedules import firings
from bot.store.schedules.firings import EndedFiring
from bot.store.schedules.schedule_rows import firing_of
from bot.store.tables import schedule_tables as tables


class ScheduleStore:
    """The schedules in `database`. `changes` is told of the jobs that they start. Every method
    raises DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock, changes: JobChanges) -> None:
        self._database = database
        self._clock = clock
        self._changes = changes

    async def now(self) -> datetime:
        """Return the time by which firings are due."""
        return await self._clock.read()

    async def add(self, schedule: Schedule, entry: AuditEntry) -> Schedule:
        """Add a schedule and return it; if its key exists already, return the existing one."""
        work = partial(firings.add, schedule=schedule, entry=entry)
        return await self._database.write(work)

    async def find(self, prefix: str) -> Schedule | None:
        """Return the one schedule whose id begins with `prefix`, as people type it, unless it was
        removed."""
        begin = prefix_of(prefix)
        if not begin:
            return None
        named = (begins_with(tables.schedules.c.id, begin), tables.schedules.c.status != "removed")
        found = await self._found(select(tables.schedules).where(*named).limit(2))
        return found[0] if len(found) == 1 else None

    async def get(self, name: str) -> Schedule | None:
        """Return the schedule with that id, removed or not."""
        found = await self._found(select(tables.schedules).where(tables.schedules.c.id == name))
        return found[0] if found else None

    async def in_channel(self, front: str, channel: str = "") -> list[Schedule]:
        """Return the schedules of a channel, or of all, that were not removed, oldest first."""
        statement = select(tables.schedules).where(tables.schedules.c.front == front)
        if channel:
            statement = statement.where(tables.schedules.c.channel == channel)
        statement = statement.where(tables.schedules.c.status != "removed")
        return await self._found(statement.order_by(tables.schedules.c.created))

    async def active_of(self, directory: str, person: str) -> list[Schedule]:
        """Return the active schedules of a person whom `directory` knows, those that they made in
        the console among them."""
        place = tables.schedules.c
        there = or_(
            place.front == directory, and_(place.front == CONSOLE, place.channel == directory)
        )
        return await self._found(
            select(tables.schedules).where(
                there, place.person_id == person, place.status == "active"
            )
        )

    async def _found(self, statement: Select[Any]) -> list[Schedule]:
        def read(connection: Connection) -> list[Schedule]:
            whole, _ = firings.readable(connection.execute(statement))
            return list(whole.values())

        return await self._database.read(read)

    async def next_due(self) -> datetime | None:
        """Return when something is due next. It costs the same however many schedules there
        are."""

        def read(connection: Connection) -> datetime | None:
            first = (
                select(tables.schedules.c.due)
                .where(tables.DUE)
                .order_by(tables.schedules.c.due)
                .limit(1)
            )
            return connection.execute(first).scalar()

        return await self._database.read(read)

    async def due(self, at: datetime, limit: int = 200) -> list[tuple[Schedule, str]]:
        """Return the schedules that are due at `at`, the longest due first, each with the id of its
        job that still runs; empty if none does."""
        found, unreadable = await self._database.read(partial(firings.due, at=at, limit=limit))
        await self.pause_unreadable(unreadable)
        return found

    async def running(self, schedule: str) -> str:
        """Return the id of the job of `schedule` that still runs; empty if none does."""

        def read(connection: Connection) -> str:
            return firings.running(connection, [schedule]).get(schedule, "")

        return await self._database.read(read)

    async def ended(self, limit: int = 200) -> list[EndedFiring]:
        """Return the firings whose jobs have ended since, at most one for each schedule, with the
        runs of each."""
        found, unreadable = await self._database.read(partial(firings.ended, limit=limit))
        await self.pause_unreadable(unreadable)
        return found

    async def pause_unreadable(self, reasons: Mapping[str, str]) -> None:
        """Pause the schedules with these ids, each for its reason, without reading them: so they do
        not come up again and again."""
        if reasons:
            work = partial(firings.pause_unreadable, reasons=reasons, at=await self.now())
            await self._database.write(work)

    async def history(self, schedule: str, limit: int = 20) -> list[Firing]:
        """Return the last firings of `schedule`, newest first."""
        statement = select(tables.firings).where(tables.firings.c.schedule == schedule)
        statement = statement.order_by(tables.firings.c.nominal.desc()).limit(limit)

        def read(connection: Connection) -> list[Firing]:
            return [firing_of(row) for row in connection.execute(statement)]

        return await self._database.read(read)

    async def commit(self, changes: Sequence[Change]) -> list[bool]:
        """Make each change; return for each whether it was made: False if its schedule was changed
        meanwhile. If one of them cannot be written, none is made."""
        if not changes:
            return []
        made = await self._database.write(partial(firings.commit, changes=changes))
        done = [change for change, was_made in zip(changes, made, strict=True) if was_made]
        started = {new.job.id for change in done for new, _ in change.jobs}
        shown = {job for change in done for job in (change.reveal, change.dismiss)}
        self._changes.announce((started | shown) - {""})
        return made

    async def posts(self, ids: Sequence[str]) -> list[SchedulePost]:
        """Return those of the posts with these ids that exist."""
        return await self._database.read(partial(schedule_post_rows.several, names=ids))

    async def unreported_posts(self) -> dict[str, int]:
        """Return the ids of the posts that may not be up to date, and the revision of each."""
        return await self._database.read(schedule_post_rows.unreported)

    async def mark_posts_reported(self, revisions: Mapping[str, int]) -> set[str]:
        """Record that these posts are shown, as at that revision; return those that were marked."""
        return await self._database.write(partial(job_changes.mark_reported, revisions=revisions))

    async def prune(self, before: datetime) -> None:
        """Remove what fired before `before`, and schedules that had ended by then."""

        def prune(connection: Connection) -> None:
            ended = text("NOT (verdict = 'started' AND ended IS NULL)")
            connection.execute(delete(tables.firings).where(tables.firings.c.at < before, ended))
            fired = exists().where(tables.firings.c.schedule == tables.schedules.c.id)
            connection.execute(
                delete(tables.schedules).where(
                    tables.schedules.c.status.in_(("removed", "ended")),
                    tables.schedules.c.created < before,
                    ~fired,
                )
            )

        await self._database.write(prune)
