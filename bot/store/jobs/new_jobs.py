"""Step 1 of the path: what people ask becomes jobs, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from bot.jobs import AuditEntry, Job, NewJob
from bot.store.database.sql import chunks, upsert
from bot.store.jobs.job_rows import audit_row, job_of, job_row, outbox_row, run_row
from bot.store.tables.job_tables import audit, jobs, outbox, runs

JobStart = tuple[NewJob, AuditEntry]

_RUNS, _OUTBOX, _AUDIT = insert(runs), insert(outbox), insert(audit)


@cache
def _begin(dialect: str) -> ReturningInsert[Any]:
    # made once: to build a statement takes longer than to run it
    fresh = upsert(dialect, jobs).on_conflict_do_nothing(index_elements=[jobs.c.key])
    return fresh.returning(jobs.c.key)


def start_jobs(connection: Connection, asks: Sequence[JobStart]) -> list[Job]:
    """Write these asks: job, runs, outbox and audit entry of each.

    Of an ask whose key is there already nothing is written; its result is the job that is there.
    """
    first: dict[str, JobStart] = {}
    for new, entry in asks:
        first.setdefault(new.job.key, (new, entry))
    rows = {key: job_row(new) for key, (new, _) in sorted(first.items())}
    begin = _begin(connection.dialect.name)
    written = set(connection.execute(begin, list(rows.values())).scalars())
    fresh = [first[key] for key in rows if key in written]
    run_rows = [run_row(run) for new, _ in fresh for run in new.runs]
    if run_rows:
        connection.execute(_RUNS, run_rows)
    sending_rows = [outbox_row(sending) for new, _ in fresh for sending in new.outbox]
    if sending_rows:
        connection.execute(_OUTBOX, sending_rows)
    if fresh:
        connection.execute(_AUDIT, [audit_row(entry) for _, entry in fresh])
    known = {new.job.key: new.job for new, _ in fresh}
    known.update(_there_already(connection, [key for key in rows if key not in written]))
    return [known[new.job.key] for new, _ in asks]


def job_of_key(connection: Connection, key: str) -> Job | None:
    """The job with this key, if there is one."""
    return _there_already(connection, [key]).get(key)


def _there_already(connection: Connection, keys: Sequence[str]) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for some in chunks(keys):
        for row in connection.execute(select(jobs).where(jobs.c.key.in_(some))):
            found[row.key] = job_of(row)
    return found
