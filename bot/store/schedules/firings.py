"""Transactions of schedules: a firing and its job are written together, and each time once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection, insert, select, update

from bot.jobs import AuditEntry, RunRecord, last_attempts
from bot.schedules.change import Change
from bot.schedules.schedule import Firing, Schedule
from bot.store.database.sql import AnyRow, chunks, upsert
from bot.store.errors import StoreError
from bot.store.jobs import new_jobs, schedule_post_rows
from bot.store.jobs.job_changes import runs_of
from bot.store.jobs.job_rows import audit_row
from bot.store.schedules.schedule_rows import firing_of, firing_row, schedule_of, schedule_row
from bot.store.tables.alert_tables import operations
from bot.store.tables.job_tables import audit, jobs
from bot.store.tables.schedule_tables import DUE, UNDER_WAY, firings, schedules

log = structlog.get_logger(__name__)

EndedFiring = tuple[Schedule, Firing, tuple[RunRecord, ...]]


class FiredTwice(StoreError):
    """The firing of {schedule} at {nominal} exists already: something else wrote it."""

    permanent = True


def add(connection: Connection, schedule: Schedule, entry: AuditEntry) -> Schedule:
    """Add `schedule` and return it; if its key exists already, return the existing one."""
    statement = upsert(connection, schedules).values(**schedule_row(schedule))
    fresh = statement.on_conflict_do_nothing(index_elements=[schedules.c.key])
    if connection.execute(fresh.returning(schedules.c.id)).scalar() is not None:
        connection.execute(insert(audit), audit_row(entry))
        return schedule
    there = select(schedules).where(schedules.c.key == schedule.key)
    return schedule_of(connection.execute(there).one())


def due(
    connection: Connection, at: datetime, limit: int
) -> tuple[list[tuple[Schedule, str]], dict[str, str]]:
    """Return the schedules that are due, with the job of each that still runs; and those whose rows
    cannot be read, with the reason."""
    statement = select(schedules).where(DUE, schedules.c.due <= at)
    rows = connection.execute(statement.order_by(schedules.c.due).limit(limit)).all()
    whole, unreadable = readable(rows)
    still = running(connection, whole)
    return [(one, still.get(one.id, "")) for one in whole.values()], unreadable


def readable(rows: Iterable[AnyRow]) -> tuple[dict[str, Schedule], dict[str, str]]:
    """Return the schedules in `rows`, by id; and those that cannot be read, with the reason:
    another version of Baton may have written them, or a person."""
    whole: dict[str, Schedule] = {}
    unreadable: dict[str, str] = {}
    for row in rows:
        try:
            whole[row.id] = schedule_of(row)
        except (ValueError, TypeError, LookupError) as error:
            log.error("a schedule cannot be read", schedule=row.id, error=str(error))
            unreadable[row.id] = "this bot cannot read it (see its log)"
    return whole, unreadable


def pause_unreadable(connection: Connection, reasons: Mapping[str, str], at: datetime) -> None:
    """Pause schedules that cannot be read or written, and end their open firings."""
    for name, reason in reasons.items():
        values = {"status": "paused", "note": reason, "due": None, "waiting": None}
        its = update(schedules).where(schedules.c.id == name)
        connection.execute(its.values(**values, revision=schedules.c.revision + 1))
        open_ones = update(firings).where(firings.c.schedule == name, UNDER_WAY)
        connection.execute(open_ones.values(ended=at, outcome=reason))


def running(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the job that still runs, for each of these schedules that has one."""
    found: dict[str, str] = {}
    for some in chunks(ids):
        statement = (
            select(firings.c.schedule, firings.c.job)
            .join(jobs, jobs.c.id == firings.c.job)
            .where(UNDER_WAY, firings.c.schedule.in_(some), jobs.c.closed.is_(None))
        )
        found.update((row.schedule, row.job) for row in connection.execute(statement))
    return found


def ended(connection: Connection, limit: int) -> tuple[list[EndedFiring], dict[str, str]]:
    """Return the firings whose jobs have ended, the first of each schedule; and the schedules that
    cannot be read, with the reason. A job that was removed counts as ended, without runs."""
    statement = (
        select(firings)
        .outerjoin(jobs, jobs.c.id == firings.c.job)
        .where(UNDER_WAY, jobs.c.closed.is_not(None) | jobs.c.id.is_(None))
        .order_by(firings.c.nominal)
        .limit(limit)
    )
    first: dict[str, Firing] = {}
    for row in connection.execute(statement):
        first.setdefault(row.schedule, firing_of(row))
    whole: dict[str, Schedule] = {}
    unreadable: dict[str, str] = {}
    for some in chunks(first):
        rows = connection.execute(select(schedules).where(schedules.c.id.in_(some)))
        these, others = readable(rows)
        whole |= these
        unreadable |= others
    found = [
        (whole[name], firing, tuple(last_attempts(runs_of(connection, firing.job))))
        for name, firing in first.items()
        if name in whole
    ]
    return found, unreadable


def commit(connection: Connection, changes: Sequence[Change]) -> list[bool]:
    """Make each change whose schedule was not changed meanwhile, and before whose job nobody has
    taken a lock. Raises FiredTwice."""
    late = new_jobs.overtaken(connection, [new for one in changes for new, _ in one.jobs])
    # in one order, so that two bots never wait for each other in a circle
    order = sorted(range(len(changes)), key=lambda at: changes[at].schedule.id)
    free = {at for at in order if not any(new.job.key in late for new, _ in changes[at].jobs)}
    taken = {at: at in free and _take(connection, changes[at]) for at in order}
    mine = [changes[at] for at in order if taken[at]]
    starts = [start for change in mine for start in change.jobs]
    if starts:
        new_jobs.start_jobs(connection, starts)
    entries = [audit_row(entry) for change in mine for entry in change.audit]
    if entries:
        connection.execute(insert(audit), entries)
    requested = [{"data": change.operation} for change in mine if change.operation is not None]
    if requested:
        connection.execute(insert(operations), requested)
    schedule_post_rows.show(connection, [post for change in mine for post in change.posts])
    _reveal(connection, mine)
    return [taken[at] for at in range(len(changes))]


def _take(connection: Connection, change: Change) -> bool:
    schedule = change.schedule
    row = schedule_row(schedule) | {"revision": schedule.revision + 1}
    same = (schedules.c.id == schedule.id, schedules.c.revision == schedule.revision)
    if connection.execute(update(schedules).where(*same).values(**row)).rowcount != 1:
        return False
    for firing in change.firings:
        _fire(connection, firing)
    return True


def _fire(connection: Connection, firing: Firing) -> None:
    row = firing_row(firing)
    its = (firings.c.schedule == firing.schedule, firings.c.nominal == firing.nominal)
    if firing.ended is not None:
        connection.execute(update(firings).where(*its).values(**row))
        return
    statement = upsert(connection, firings).values(**row)
    fresh = statement.on_conflict_do_update(
        index_elements=[firings.c.schedule, firings.c.nominal],
        set_=row,
        where=firings.c.verdict == "queued",
    )
    if connection.execute(fresh.returning(firings.c.schedule)).scalar() is None:
        raise FiredTwice(schedule=firing.schedule, nominal=firing.nominal)


def _reveal(connection: Connection, changes: Sequence[Change]) -> None:
    hidden = {
        **{change.reveal: False for change in changes if change.reveal},
        **{change.dismiss: True for change in changes if change.dismiss},
    }
    for name in sorted(hidden):
        shown = {"hidden": hidden[name], "told": hidden[name], "revision": jobs.c.revision + 1}
        connection.execute(update(jobs).where(jobs.c.id == name, jobs.c.hidden).values(**shown))
