"""Reads of the ledger, and the removal of old jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, union_all

from bot.jobs import Job, RunRecord
from bot.store.database.prefixes import begins_with, prefix_of
from bot.store.database.sql import chunks
from bot.store.database.text_search import has_name
from bot.store.jobs.job_changes import OPEN, lock, runs_of_each
from bot.store.jobs.job_rows import job_of
from bot.store.jobs.schedule_post_rows import OF_SCHEDULES
from bot.store.safety.votes import with_votes
from bot.store.tables.job_tables import jobs, outbox, runs
from bot.store.tables.post_table import posts

JobWithRuns = tuple[Job, tuple[RunRecord, ...]]


@dataclass(frozen=True, slots=True)
class Depths:
    """How much is open: jobs, runs, and messages to be sent."""

    jobs: int
    runs: int
    outbox: int


_SEVERAL = select(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True)), ~OF_SCHEDULES)

_PRUNE_BATCH = 200
_MAX_IN_THREAD = 20


def job(connection: Connection, name: str) -> JobWithRuns | None:
    """Return the job with the id `name`, and its runs."""
    return several(connection, [name]).get(name)


def several(connection: Connection, names: Sequence[str]) -> dict[str, JobWithRuns]:
    """Return those of the jobs with these ids that exist, with their runs, by id."""
    found: dict[str, JobWithRuns] = {}
    for some in chunks(names):
        # the jobs before their runs: so a revision is never newer than what is shown of them
        rows = connection.execute(_SEVERAL, {"ids": some}).all()
        runs_by_job = runs_of_each(connection, some)
        known = with_votes(connection, {row.id: job_of(row) for row in rows})
        found.update((id, (job, tuple(runs_by_job[id]))) for id, job in known.items())
    return found


def find(connection: Connection, prefix: str) -> JobWithRuns | None:
    """Return the one job whose id begins with `prefix`, as people type it."""
    begin = prefix_of(prefix)
    if not begin:
        return None
    statement = select(jobs.c.id).where(begins_with(jobs.c.id, begin)).limit(2)
    names = list(connection.execute(statement).scalars())
    return job(connection, names[0]) if len(names) == 1 else None


def in_thread(connection: Connection, front: str, channel: str, ref: str) -> list[Job]:
    """Return the jobs whose post is the message `ref` or stands in its thread: the open ones,
    newest first; if none is open, the newest of all."""
    if not ref:
        return []
    there = select(posts.c.job).where(posts.c.front == front, posts.c.channel == channel)
    shown = union_all(there.where(posts.c.ref == ref), there.where(posts.c.thread == ref))
    statement = (
        select(jobs)
        .where(jobs.c.id.in_(shown), ~OF_SCHEDULES)
        .order_by(jobs.c.closed.is_not(None), jobs.c.asked.desc())
        .limit(_MAX_IN_THREAD)
    )
    found = [job_of(row) for row in connection.execute(statement)]
    return [one for one in found if one.closed is None] or found[:1]


def recent(connection: Connection, limit: int, environment: str | None) -> list[Job]:
    """Return the last jobs, or those in `environment` alone or among others, newest first."""
    statement = select(jobs).where(~OF_SCHEDULES).order_by(jobs.c.asked.desc()).limit(limit)
    if environment is not None:
        statement = statement.where(has_name(jobs.c.environment, environment))
    return [job_of(row) for row in connection.execute(statement)]


def unreported(connection: Connection) -> dict[str, int]:
    """Return the jobs whose posts may not be up to date, oldest first, and their revisions."""
    statement = select(jobs.c.id, jobs.c.revision).where(
        ~jobs.c.told, ~jobs.c.hidden, ~OF_SCHEDULES
    )
    ordered = statement.order_by(jobs.c.asked)
    return {row.id: row.revision for row in connection.execute(ordered)}


def depths(connection: Connection) -> Depths:
    """Return how much is open."""
    # what is reported is closed, and what is not is found by an index
    open_jobs = select(func.count()).select_from(jobs).where(~jobs.c.told, jobs.c.closed.is_(None))
    open_runs = select(func.count()).select_from(runs).where(OPEN)
    to_be_sent = select(func.count()).select_from(outbox)
    counts = (open_jobs, open_runs, to_be_sent)
    return Depths(*(connection.execute(count).scalar_one() for count in counts))


def next_deadline(connection: Connection) -> datetime | None:
    """Return when the ledger may have to close something next."""
    first_run = connection.execute(select(func.min(runs.c.ends_at)).where(OPEN)).scalar()
    waits = (jobs.c.closed.is_(None), jobs.c.waits_until.is_not(None))
    first_job = connection.execute(select(func.min(jobs.c.waits_until)).where(*waits)).scalar()
    return min((moment for moment in (first_run, first_job) if moment), default=None)


def prune(connection: Connection, before: datetime) -> int:
    """Remove some of the jobs that were closed before `before`, with all that belongs to them."""
    old = select(jobs.c.id).where(jobs.c.closed.is_not(None), jobs.c.closed < before)
    names = list(connection.execute(old.order_by(jobs.c.closed).limit(_PRUNE_BATCH)).scalars())
    if names:
        lock(connection, names)
        connection.execute(delete(posts).where(posts.c.job.in_(names)))
        connection.execute(delete(jobs).where(jobs.c.id.in_(names)))
    return len(names)
