"""Step 5 of the path: what servers report changes their runs, many messages in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, insert, select

from baton.bus.messages import Pong, State, Update
from bot.holds import expired
from bot.jobs import RunRecord
from bot.run_changes import GRACE, Applied, apply, close_if_overdue
from bot.store.database.column_types import LARGEST
from bot.store.database.sql import AnyRow, chunks, matching
from bot.store.jobs import next_attempts
from bot.store.jobs.job_changes import OPEN, lock, mark_changed, write_runs
from bot.store.jobs.job_rows import Values, hold_of, run_of, run_row
from bot.store.jobs.outbox import cancel_again
from bot.store.safety.votes import votes_of
from bot.store.tables.job_tables import jobs, output, runs

log = structlog.get_logger(__name__)

Report = Update | Pong
RunKey = tuple[str, str, int]

MAX_ATTEMPTS = 2**31 - 1
MAX_HOST = 253


@dataclass(slots=True)
class _KnownRun:
    """A run during a transaction, and how much output it has."""

    run: RunRecord
    lines: int = 0
    size: int = 0
    new: bool = False
    changed: bool = False
    died: bool = False
    """Whether it has ended now because its worker died."""
    taken: bool = False
    """Whether a worker has taken it up now."""
    pieces: list[Values] = field(default_factory=list)

    def take(self, message: Report, at: datetime) -> None:
        """Apply `message`, received at `at`."""
        applied = apply(self.run, message, at)
        if applied is None:
            return
        before, self.run = self.run, applied.run
        self.changed = True
        if self.run.queue:
            self.died |= not before.state.final and self.run.state in next_attempts.DIED
            self.taken |= not self.run.state.final and self.run.worker != before.worker
        if applied.output:
            self._keep(applied, message)

    def _keep(self, applied: Applied, message: Report) -> None:
        self.lines += applied.output.count("\n") + 1
        self.size += len(applied.output)
        self.pieces.append(
            {
                "job": self.run.job,
                "host": self.run.host,
                "attempt": self.run.attempt,
                "ends": self.size,
                "lines": self.lines,
                "sequence": self.run.sequence,
                "time": message.time,
                "level": applied.level,
                "step": applied.step,
                "text": applied.output,
            }
        )


NotApplied = dict[int, str]
"""The reasons why messages were not applied, because nobody requested them or they belong to
another run, by the place among the messages."""


def apply_updates(
    connection: Connection, messages: Sequence[Report], at: datetime
) -> tuple[set[str], NotApplied]:
    """Apply `messages` in their order; return the ids of the jobs that changed, and what was not
    applied."""
    rejected: NotApplied = {}
    usable = []
    for place, message in enumerate(messages):
        key = _key(message)
        if key is not None:
            usable.append((place, key, message))
    open_jobs = lock(connection, (key[0] for _, key, _ in usable))
    known = _read(connection, (key for _, key, _ in usable if key[0] in open_jobs))
    for place, key, message in usable:
        at_hand = known.get(key) or _joined(open_jobs, key, message)
        if at_hand is None:
            rejected[place] = "nobody requested it"
        elif reason := _mismatch_reason(at_hand, open_jobs[key[0]], message):
            rejected[place] = reason
        if at_hand is None or place in rejected:
            continue
        known[key] = at_hand
        at_hand.take(message, at)
    changed = [one for one in known.values() if one.changed]
    again = [
        one for one in changed if one.died and next_attempts.is_due(one.run, open_jobs[one.run.job])
    ]
    for one in again:
        one.run = replace(one.run, retried=True)
    _write(connection, changed, open_jobs)
    next_attempts.start(connection, [one.run for one in again], at)
    taken = [one.run for one in changed if one.taken and open_jobs[one.run.job].canceller_id]
    cancel_again(connection, taken, open_jobs)
    ids = {one.run.job for one in changed}
    mark_changed(connection, ids, at)
    return ids, rejected


def _mismatch_reason(at_hand: _KnownRun, job: AnyRow, message: Report) -> str:
    """Return why `message` cannot be about the run that it names; empty if it can."""
    if not at_hand.new and message.request != at_hand.run.request:
        return "its request ID is not the one that was sent"
    environment = message.facts.environment if isinstance(message, Pong) else message.environment
    if environment not in job.environment.split(", "):
        return f"it reports {environment}, but the job is for {job.environment}"
    if isinstance(message, Update) and message.command != job.command:
        return f"the job's command is {job.command}"
    return ""


def _key(message: Report) -> RunKey | None:
    host = message.facts.host if isinstance(message, Pong) else message.host
    sequence = message.sequence if isinstance(message, Update) else 0
    if (
        not 0 < len(host) <= MAX_HOST
        or not host.isprintable()
        or not 0 < message.attempt <= MAX_ATTEMPTS
        or sequence > LARGEST
    ):
        log.warning(
            "update ignored: invalid host, attempt or sequence",
            message=message.id,
            source=message.source,
        )
        return None
    return message.job, host, message.attempt


def _read(connection: Connection, keys: Iterable[RunKey]) -> dict[RunKey, _KnownRun]:
    pairs = sorted({(job, host) for job, host, _ in keys})
    if not pairs:
        return {}
    known: dict[RunKey, _KnownRun] = {}
    for row in connection.execute(*matching(connection, (runs.c.job, runs.c.host), pairs)):
        known[row.job, row.host, row.attempt] = _KnownRun(run_of(row), row.lines, row.size)
    return known


def _joined(open_jobs: Mapping[str, AnyRow], key: RunKey, message: Report) -> _KnownRun | None:
    """Return a new run, if a server that nobody knew of answers a broadcast."""
    job = open_jobs.get(key[0])
    if job is None or not job.broadcast:
        return None
    run = RunRecord(
        job=key[0],
        host=key[1],
        request=message.request,
        attempt=key[2],
        deadline=job.deadline,
        timeout=job.timeout or 0.0,
        state=State.SENT,
        sent=job.sent or job.asked,
    )
    return _KnownRun(run, new=True)


def _write(
    connection: Connection, changed: Sequence[_KnownRun], locked: Mapping[str, AnyRow]
) -> None:
    rows = [(one, run_row(one.run, one.lines, one.size)) for one in changed]
    new = [row for one, row in rows if one.new]
    if new:
        connection.execute(insert(runs), new)
    write_runs(connection, [row for one, row in rows if not one.new])
    # the revision that the job gets when this transaction marks it as changed
    pieces = [
        {**piece, "revision": locked[one.run.job].revision + 1}
        for one in changed
        for piece in one.pieces
    ]
    if pieces:
        connection.execute(insert(output), pieces)


def close_overdue(connection: Connection, at: datetime, seeing_since: datetime | None) -> set[str]:
    """Close the runs whose time is over, and the broadcasts whose time to answer is; return the ids
    of the jobs that changed."""
    due: list[ColumnElement[bool]] = [OPEN, runs.c.ends_at <= at]
    if seeing_since is None:  # what servers have to say cannot reach us
        due.append(runs.c.state == State.HELD.value)
    found = set(connection.execute(select(runs.c.job).where(*due).distinct()).scalars())
    if seeing_since is not None and at >= seeing_since + timedelta(seconds=GRACE):
        waited = (jobs.c.closed.is_(None), jobs.c.waits_until <= at)
        found |= set(connection.execute(select(jobs.c.id).where(*waited)).scalars())
    held = lock(connection, found)
    changed = {name for name, row in held.items() if _is_waited_out(row, at, seeing_since)}
    rows = []
    votes = votes_of(connection, [name for name, row in held.items() if row.hold])
    for some in chunks(sorted(held)):
        for row in connection.execute(select(runs).where(runs.c.job.in_(some), *due)):
            run = run_of(row)
            ended = close_if_overdue(run, at, seeing_since)
            hold = hold_of(held[run.job].hold)
            if run.state is State.HELD and ended is not run and hold is not None:
                said = votes.get(run.job, ())
                ended = replace(ended, text=expired(hold, said, held[run.job].plan_digest))
            if ended is not run:
                rows.append(run_row(ended, row.lines, row.size))
    write_runs(connection, rows)
    changed |= {row["job"] for row in rows}
    mark_changed(connection, changed, at)
    return changed


def _is_waited_out(job: AnyRow, at: datetime, seeing_since: datetime | None) -> bool:
    if seeing_since is None or job.closed is not None:
        return False
    if job.waits_until is None or at < job.waits_until:
        return False
    return at >= seeing_since + timedelta(seconds=GRACE)
