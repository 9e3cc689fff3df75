"""Jobs that are looked after: a run is held, or they go through their servers in waves. Which there
are, and how they change, under the lock of the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, insert, select, union, update

from baton.bus.messages import Request, State
from bot.holds import Hold
from bot.jobs import Job, OutboxMessage, RunRecord
from bot.store.database.column_types import Instant
from bot.store.jobs.job_changes import OPEN, lock, mark_changed, runs_of, write_runs
from bot.store.jobs.job_rows import Values, outbox_row, run_row
from bot.store.safety.lock_rows import hold_numbers
from bot.store.safety.votes import whole_job
from bot.store.tables.job_tables import jobs, outbox, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldChange:
    """How a job that is looked after changes: what it waits for now, its `plan` if that is another,
    those of its `runs` that change or are new, and what is to be sent for them."""

    hold: Hold
    plan: Mapping[str, JsonValue] | None = None
    plan_digest: str = ""
    runs: tuple[RunRecord, ...] = ()
    outbox: tuple[OutboxMessage, ...] = ()


Change = Callable[[Job, tuple[RunRecord, ...]], HeldChange | None]
"""Says how a job changes that is looked after. It is pure: it may be called twice."""


_DEADLINE = (
    update(runs)
    .where(
        runs.c.job == bindparam("of_job"),
        runs.c.host == bindparam("of_host"),
        runs.c.attempt == bindparam("of_attempt"),
    )
    .values(deadline=bindparam("by", type_=Instant))
)


def _deadline(run: RunRecord) -> Values:
    return {
        "of_job": run.job,
        "of_host": run.host,
        "of_attempt": run.attempt,
        "by": run.deadline,
    }


def held_jobs(connection: Connection) -> dict[str, int]:
    """Return the revisions of the jobs that are looked after, by ID, in their order."""
    held = select(runs.c.job).where(OPEN, runs.c.state == State.HELD.value)
    meant = union(held, select(jobs.c.id).where(jobs.c.rolling))
    found = select(jobs.c.id, jobs.c.revision).where(jobs.c.id.in_(meant)).order_by(jobs.c.id)
    return {row.id: row.revision for row in connection.execute(found)}


def change_held(connection: Connection, id: str, change: Change, at: datetime) -> bool:
    """Change the job `id` as `change` says; return whether anything changed. What is not looked
    after any more, because somebody was first, does not change; nor does anything start if somebody
    has taken a lock since the gates were asked."""
    if id not in lock(connection, [id]):
        return False
    job, found = whole_job(connection, id), tuple(runs_of(connection, id))
    if job.hold is None:
        return False
    if not job.hold.rolling and not any(run.state is State.HELD for run in found):
        return False
    made = change(job, found)
    if made is None or _is_overtaken(connection, made.outbox):
        return False
    known = {(run.host, run.attempt) for run in found}
    changed = [run for run in made.runs if (run.host, run.attempt) in known]
    write_runs(connection, [run_row(run) for run in changed])
    if changed:  # which only what is held may change
        connection.execute(_DEADLINE, [_deadline(run) for run in changed])
    new = [run_row(run) for run in made.runs if (run.host, run.attempt) not in known]
    if new:
        connection.execute(insert(runs), new)
    if made.outbox:
        connection.execute(insert(outbox), [outbox_row(sending) for sending in made.outbox])
    values: Values = {"hold": made.hold.model_dump(mode="json"), "rolling": made.hold.rolling}
    if made.plan is not None:
        values |= {"plan": dict(made.plan), "plan_digest": made.plan_digest}
    connection.execute(update(jobs).where(jobs.c.id == id).values(values))
    mark_changed(connection, [id], at)
    return True


def _is_overtaken(connection: Connection, sendings: Sequence[OutboxMessage]) -> bool:
    """Return whether a lock was taken after the gates had been asked about these requests. If not,
    none is taken until the transaction ends."""
    seen = {
        one.message.environment: one.message.fence or 0
        for one in sendings
        if isinstance(one.message, Request)
    }
    if not seen:
        return False
    last = hold_numbers(connection, sorted(seen))
    return any(last.get(environment, 0) != number for environment, number in seen.items())
