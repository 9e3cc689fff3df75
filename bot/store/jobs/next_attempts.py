"""A job of a work queue whose worker died is sent again, as often as its runner says: in the
transaction that records it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select

from baton.bus.exchanges import INPUT
from baton.bus.messages import Request, State
from bot.jobs import Job, OutboxMessage, RunRecord
from bot.run_changes import close
from bot.store.database.sql import AnyRow, chunks
from bot.store.jobs.job_changes import OPEN, lock, mark_changed, write_runs
from bot.store.jobs.job_rows import job_of, outbox_row, run_of, run_row
from bot.store.tables.job_tables import jobs, outbox, runs

DIED = frozenset({State.INTERRUPTED, State.LOST})
"""How a run ends whose worker died."""

LEAST_WINDOW = 60.0
"""Seconds, at least, in which another attempt is to be sent and taken up."""


def next_attempt(run: RunRecord, job: Job, at: datetime) -> tuple[RunRecord, OutboxMessage]:
    """Return the next attempt of `run`, of the work queue of `job`, and the request that is to be
    sent for it. It has as long to be sent and taken up as the first had."""
    window = max((run.deadline - (run.sent or run.deadline)).total_seconds(), LEAST_WINDOW)
    deadline = at + timedelta(seconds=window)
    request = Request(
        id=run.request,
        time=at,
        job=job.id,
        command=job.command,
        arguments=job.arguments,
        environment=job.environment,
        host=run.host,
        attempt=run.attempt + 1,
        deadline=deadline,
        timeout=run.timeout,
        requester=job.asked_by,
    )
    again = RunRecord(
        job=job.id,
        host=run.host,
        request=run.request,
        attempt=request.attempt,
        deadline=deadline,
        timeout=run.timeout,
        retries=(run.retries or 1) - 1,
    )
    name = f"{request.id}.{request.attempt}"
    sending = OutboxMessage(name, job.id, run.host, INPUT, run.host, request, True, deadline)
    return again, sending


def is_due(run: RunRecord, job: AnyRow) -> bool:
    """Return whether `run`, which has just ended, is to be started again. `job` is its locked row:
    what somebody cancelled is not."""
    return run.state in DIED and bool(run.retries) and not run.retried and job.canceller_id is None


def start(connection: Connection, ended: Sequence[RunRecord], at: datetime) -> None:
    """Write the next attempt of each of these runs, and the request for it."""
    found: dict[str, Job] = {}
    for some in chunks(sorted({run.job for run in ended})):
        rows = connection.execute(select(jobs).where(jobs.c.id.in_(some)))
        found.update((row.id, job_of(row)) for row in rows)
    made = [next_attempt(run, found[run.job], at) for run in ended if run.job in found]
    if made:
        connection.execute(insert(runs), [run_row(run) for run, _ in made])
        connection.execute(insert(outbox), [outbox_row(sending) for _, sending in made])


def end_lost(connection: Connection, lost: Mapping[str, datetime], at: datetime) -> set[str]:
    """End the runs that these workers have, whose heartbeats ended at that moment; return the ids
    of the jobs that changed. What waits for something is not theirs alone."""
    of_queues = (OPEN, runs.c.retries.is_not(None), runs.c.started.is_not(None))
    found = set(connection.execute(select(runs.c.job).where(*of_queues).distinct()).scalars())
    held = lock(connection, found)
    rows, again = [], []
    for some in chunks(sorted(held)):
        for row in connection.execute(select(runs).where(runs.c.job.in_(some), *of_queues)):
            run = run_of(row)
            silent = lost.get(run.worker)
            if silent is None or run.parked:
                continue
            text = f"no heartbeat of its worker {run.worker} since {silent:%H:%M:%S} UTC"
            ended = close(run, State.LOST, text, at)
            if is_due(ended, held[run.job]):
                ended = replace(ended, retried=True)
                again.append(ended)
            rows.append(run_row(ended, row.lines, row.size))
    write_runs(connection, rows)
    start(connection, again, at)
    changed = {row["job"] for row in rows}
    mark_changed(connection, changed, at)
    return changed
