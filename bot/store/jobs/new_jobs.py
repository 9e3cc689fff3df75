"""Step 1 of the path: requests become jobs, many in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from bot.jobs import AuditEntry, Job, NewJob
from bot.store.database.sql import chunks, upsert
from bot.store.jobs.job_rows import audit_row, job_of, job_row, outbox_row, run_row
from bot.store.safety.lock_rows import hold_numbers
from bot.store.tables.job_tables import audit, jobs, outbox, runs

JobStart = tuple[NewJob, AuditEntry]

_RUNS, _OUTBOX, _AUDIT = insert(runs), insert(outbox), insert(audit)


class Overtaken(Exception):
    """Somebody has taken a lock since the gates were asked about a job: they are to be asked
    again."""


@cache
def _begin(dialect: str) -> ReturningInsert[Any]:
    # built once: building a statement takes longer than running it
    fresh = upsert(dialect, jobs).on_conflict_do_nothing(index_elements=[jobs.c.key])
    return fresh.returning(jobs.c.key)


def overtaken(connection: Connection, news: Iterable[NewJob]) -> set[str]:
    """Return the keys of those jobs about which the gates have to be asked again. For the others
    what they said of locks holds until the transaction ends; those that exist already have
    started."""
    seen = [new for new in news if new.fences]
    if not seen:
        return set()
    last = hold_numbers(connection, sorted({each for new in seen for each in new.fences}))
    late = [
        new.job.key
        for new in seen
        if any(last.get(each, 0) != number for each, number in new.fences.items())
    ]
    return {*late} - {*_existing(connection, late)}


def start_jobs(connection: Connection, starts: Sequence[JobStart]) -> list[Job | Exception]:
    """Write each of these jobs, with its runs, outbox and audit entry; return the jobs.

    If a key exists already nothing is written for it, and the existing job is returned. In place of
    a job before which somebody has taken a lock there is Overtaken.
    """
    late = overtaken(connection, [new for new, _ in starts])
    first: dict[str, JobStart] = {}
    for new, entry in starts:
        if new.job.key not in late:
            first.setdefault(new.job.key, (new, entry))
    if not first:
        return [Overtaken() for _ in starts]
    rows = {key: job_row(new) for key, (new, _) in sorted(first.items())}
    begin = _begin(connection.dialect.name)
    written = set(connection.execute(begin, list(rows.values())).scalars())
    fresh = [first[key] for key in rows if key in written]
    run_rows = [run_row(run) for new, _ in fresh for run in new.runs]
    if run_rows:
        connection.execute(_RUNS, run_rows)
    outbox_rows = [outbox_row(message) for new, _ in fresh for message in new.outbox]
    if outbox_rows:
        connection.execute(_OUTBOX, outbox_rows)
    if fresh:
        connection.execute(_AUDIT, [audit_row(entry) for _, entry in fresh])
    known: dict[str, Job] = {new.job.key: new.job for new, _ in fresh}
    known.update(_existing(connection, [key for key in rows if key not in written]))
    return [known.get(new.job.key) or Overtaken() for new, _ in starts]


def job_of_key(connection: Connection, key: str) -> Job | None:
    """Return the job with this key, if there is one."""
    return _existing(connection, [key]).get(key)


def _existing(connection: Connection, keys: Sequence[str]) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for some in chunks(keys):
        for row in connection.execute(select(jobs).where(jobs.c.key.in_(some))):
            found[row.key] = job_of(row)
    return found
