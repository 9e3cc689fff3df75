"""Changes of runs and jobs within a transaction: the job is locked first, and marked as changed
last.

A job's row is the lock of all that belongs to it, and jobs are locked in the order of their ids, so
that two bots neither overwrite each other nor wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)

from bot.jobs import RunRecord
from bot.store.database.column_types import Instant
from bot.store.database.sql import AnyRow, chunks
from bot.store.jobs.job_rows import Values, run_of
from bot.store.tables.job_tables import jobs, runs

_FIXED = ("job", "host", "attempt", "request", "deadline", "timeout", "retries")
_CHANGING = tuple(column.name for column in runs.columns if column.name not in _FIXED)

_OF_A_JOB = (
    jobs.c.id,
    jobs.c.command,
    jobs.c.environment,
    jobs.c.asked,
    jobs.c.closed,
    jobs.c.canceller_id,
    jobs.c.broadcast,
    jobs.c.deadline,
    jobs.c.timeout,
    jobs.c.sent,
    jobs.c.waits_until,
    jobs.c.revision,
    jobs.c.hold,
    jobs.c.plan_digest,
)

# statements are built once: building one takes longer than running it
_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_LOCK = select(*_OF_A_JOB).where(jobs.c.id.in_(_IDS)).order_by(jobs.c.id).with_for_update()
_RUNS = select(runs).where(runs.c.job.in_(_IDS)).order_by(runs.c.host, runs.c.attempt)

_WRITE_RUN = (
    update(runs)
    .where(
        runs.c.job == bindparam("of_job"),
        runs.c.host == bindparam("of_host"),
        runs.c.attempt == bindparam("of_attempt"),
    )
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)

OPEN: ColumnElement[bool] = runs.c.ends_at.is_not(None)

_OVER = and_(
    jobs.c.closed.is_(None),
    or_(jobs.c.waits_until.is_(None), jobs.c.waits_until <= bindparam("at", type_=Instant)),
    ~exists(select(1).select_from(runs).where(runs.c.job == jobs.c.id, OPEN)),
)
_MARK_CHANGED = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        revision=jobs.c.revision + 1,
        told=False,
        closed=case((_OVER, bindparam("at", type_=Instant)), else_=jobs.c.closed),
    )
)

_MARK_REPORTED = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_id"), jobs.c.revision == bindparam("of_revision"))
    .values(told=True)
)


def lock(connection: Connection, ids: Iterable[str]) -> dict[str, AnyRow]:
    """Lock these jobs until our transaction ends; return the columns that changes depend on, by
    id."""
    found: dict[str, AnyRow] = {}
    for some in chunks(sorted(set(ids))):
        rows = connection.execute(_LOCK, {"ids": some})
        found.update((row.id, row) for row in rows)
    return found


def runs_of(connection: Connection, job: str) -> list[RunRecord]:
    """Return all runs of `job`, by host and attempt."""
    return runs_of_each(connection, [job])[job]


def runs_of_each(connection: Connection, ids: Sequence[str]) -> dict[str, list[RunRecord]]:
    """Return all runs of these jobs, by host and attempt."""
    found: dict[str, list[RunRecord]] = {id: [] for id in ids}
    for row in connection.execute(_RUNS, {"ids": list(ids)}):
        found[row.job].append(run_of(row))
    return found


def write_runs(connection: Connection, rows: Sequence[Values]) -> None:
    """Write the columns of existing runs that may change."""
    if not rows:
        return
    connection.execute(
        _WRITE_RUN,
        [
            {
                "of_job": row["job"],
                "of_host": row["host"],
                "of_attempt": row["attempt"],
                **{f"new_{name}": row[name] for name in _CHANGING},
            }
            for row in rows
        ],
    )


def mark_reported(connection: Connection, revisions: Mapping[str, int]) -> set[str]:
    """Record that the posts of these jobs show them as at that revision; return those marked."""
    return {
        id
        for id in sorted(revisions)
        if connection.execute(_MARK_REPORTED, {"of_id": id, "of_revision": revisions[id]}).rowcount
        == 1
    }


def mark_changed(connection: Connection, ids: Iterable[str], at: datetime) -> None:
    """Mark these jobs as changed, and closed at `at` if all their runs have ended."""
    for some in chunks(sorted(set(ids))):
        connection.execute(_MARK_CHANGED, {"ids": some, "at": at})
