"""Step 2 of the path: the outbox, what became of its messages, and the cancelling of a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, case, delete, insert, select, update

from baton.bus.exchanges import INPUT, cancel_work_key, host_key
from baton.bus.messages import Cancel, Person, Request, State
from baton.errors import BatonError
from bot.jobs import Cancelled, OutboxMessage, RunRecord
from bot.run_changes import GRACE, close, ends_at
from bot.store.database.column_types import Instant
from bot.store.database.sql import AnyRow, chunks
from bot.store.jobs.job_changes import OPEN, lock, mark_changed, runs_of, write_runs
from bot.store.jobs.job_rows import outbox_message_of, outbox_row, run_row
from bot.store.tables.job_tables import jobs, outbox, runs

log = structlog.get_logger(__name__)

NO_AGENT = "no agent has a queue for this server in RabbitMQ"
CANCELLED_UNSENT = "cancelled before it was sent"
WITHDRAWN = "withdrawn before it started"
NOT_STOPPED = "not stopped: no agent has a queue for this server in RabbitMQ"
NO_WORKER = "no worker has ever served this queue, so RabbitMQ does not have it"
NOT_STOPPED_WORK = "not stopped: no worker of this queue has an inbox in RabbitMQ"


def waiting(connection: Connection, limit: int) -> tuple[list[OutboxMessage], dict[str, str]]:
    """Return the messages that wait to be sent, oldest first; and by id those that cannot be read,
    with the text for their runs."""
    found: list[OutboxMessage] = []
    unreadable: dict[str, str] = {}
    for row in connection.execute(select(outbox).order_by(outbox.c.number).limit(limit)):
        try:
            found.append(outbox_message_of(row))
        except BatonError as error:
            log.error("a message cannot be sent", id=row.id, job=row.job, error=str(error))
            unreadable[row.id] = f"not sent: this bot cannot read the request: {error}"
    return found, unreadable


def settle(
    connection: Connection,
    sent: Mapping[str, datetime],
    unroutable: Mapping[str, str],
    expired: Mapping[str, str],
    at: datetime,
) -> set[str]:
    """Remove messages from the outbox, and write into their runs what became of them."""
    ids = {*sent, *unroutable, *expired}
    concerned = select(outbox.c.job).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
    found: list[str] = []
    for some in chunks(sorted(ids)):
        found += connection.execute(concerned, {"ids": some}).scalars()
    lock(connection, found)
    rows = _taken(connection, ids)
    changed = _sent(connection, [(rows[name], by) for name, by in sent.items() if name in rows], at)
    ends = {name: (State.UNROUTABLE, why) for name, why in unroutable.items()}
    ends.update((name, (State.EXPIRED, why)) for name, why in expired.items())
    for state, text in dict.fromkeys(ends.values()):
        ended = [rows[name] for name in ends if ends[name] == (state, text) and name in rows]
        changed |= _closed(connection, ended, state, text, at)
    changed |= _not_stopped(connection, [rows[name] for name in unroutable if name in rows])
    mark_changed(connection, changed, at)
    return changed


def _taken(connection: Connection, ids: Iterable[str]) -> dict[str, AnyRow]:
    taken: dict[str, AnyRow] = {}
    for some in chunks(sorted(ids)):
        columns = (outbox.c.id, outbox.c.job, outbox.c.host, outbox.c.type, outbox.c.attempt)
        rows = connection.execute(delete(outbox).where(outbox.c.id.in_(some)).returning(*columns))
        taken.update((row.id, row) for row in rows)
    return taken


def _sent(
    connection: Connection, rows: Sequence[tuple[AnyRow, datetime]], at: datetime
) -> set[str]:
    """Mark the runs of these requests as sent: the time to accept them begins now. A run may have
    reported, and even ended, before we learn that it was sent."""
    requests = [(row, by) for row, by in rows if row.type == Request.type]
    moment, by_when = bindparam("at", type_=Instant), bindparam("by", type_=Instant)
    ends = bindparam("ends", type_=Instant)
    queued = runs.c.state == State.QUEUED
    values = {
        "state": case((queued, State.SENT.value), else_=runs.c.state),
        "sent": case((runs.c.finished < moment, runs.c.finished), else_=moment),
        "deadline": by_when,
        "ends_at": case((queued, ends), else_=runs.c.ends_at),
    }
    for one_host in (True, False):
        some = [(row, by) for row, by in requests if bool(row.host) is one_host]
        if some:
            statement = update(runs).where(*_meant(one_host), runs.c.sent.is_(None)).values(values)
            connection.execute(statement, [{**_of(row), **_times(at, by)} for row, by in some])
    broadcasts = [(row, by) for row, by in requests if not row.host]
    if broadcasts:
        waits = case((jobs.c.waits_until.is_not(None), ends), else_=jobs.c.waits_until)
        statement = update(jobs).where(jobs.c.id == bindparam("of_job"))
        statement = statement.values(sent=moment, deadline=by_when, waits_until=waits)
        connection.execute(
            statement, [{"of_job": row.job, **_times(at, by)} for row, by in broadcasts]
        )
    return {row.job for row, _ in requests}


def _times(at: datetime, by: datetime) -> dict[str, datetime]:
    return {"at": at, "by": by, "ends": by + timedelta(seconds=GRACE)}


def _closed(
    connection: Connection, rows: Sequence[AnyRow], state: State, text: str, at: datetime
) -> set[str]:
    """Close the runs whose request was not sent. A run that has already reported stays open."""
    requests = [row for row in rows if row.type == Request.type]
    values = {"state": state.value, "text": text, "finished": at, "ends_at": None}
    for one_host in (True, False):
        some = [row for row in requests if bool(row.host) is one_host]
        if some:
            queued = runs.c.state == State.QUEUED
            statement = update(runs).where(*_meant(one_host), queued).values(values)
            connection.execute(statement, [_of(row) for row in some])
    _wait_no_longer(connection, [row.job for row in requests if not row.host])
    return {row.job for row in requests}


def _not_stopped(connection: Connection, rows: Sequence[AnyRow]) -> set[str]:
    """Write into these runs that their Cancel reached no agent. It ends no run: the agent may be
    working, and only disconnected. The run ends by its own report, or at its deadline."""
    cancels = [row for row in rows if row.type == Cancel.type]
    if cancels:
        of_queue = runs.c.retries.is_not(None)
        text = case((of_queue, NOT_STOPPED_WORK), else_=NOT_STOPPED)
        statement = update(runs).where(*_meant(True), OPEN).values(text=text)
        connection.execute(statement, [_of(row) for row in cancels])
    return {row.job for row in cancels}


def _meant(one_host: bool) -> list[Any]:
    meant = [runs.c.job == bindparam("of_job"), runs.c.attempt == bindparam("of_attempt")]
    return [*meant, runs.c.host == bindparam("of_host")] if one_host else meant


def _of(row: AnyRow) -> dict[str, Any]:
    values = {"of_job": row.job, "of_attempt": row.attempt}
    return {**values, "of_host": row.host} if row.host else values


def _wait_no_longer(connection: Connection, ids: Sequence[str]) -> None:
    for some in chunks(ids):
        connection.execute(update(jobs).where(jobs.c.id.in_(some)).values(waits_until=None))


def cancel(connection: Connection, job: str, person: Person, at: datetime) -> Cancelled | None:
    """Cancel what is left of `job`; return None if there is no such job. Of two people who cancel
    at the same moment one is first, and the second changes nothing.

    A request that was not sent is withdrawn and its run closed. Its server is sent a Cancel all the
    same, because the request may be on its way at this moment. What is held is on no way.
    """
    row = lock(connection, [job]).get(job)
    if row is None:
        return None
    before = runs_of(connection, job)
    over = row.closed is not None
    if row.canceller_id is not None:
        name = select(jobs.c.canceller_name).where(jobs.c.id == job)
        first = Person(id=row.canceller_id, name=connection.execute(name).scalar_one())
        return Cancelled(tuple(before), first, over)
    if over:
        return Cancelled(tuple(before), over=True)
    requests = (outbox.c.job == job, outbox.c.type == Request.type)
    connection.execute(delete(outbox).where(*requests))
    unsent = {State.QUEUED: CANCELLED_UNSENT, State.HELD: WITHDRAWN}
    after = [
        close(run, State.CANCELLED, unsent[run.state], at) if run.state in unsent else run
        for run in before
    ]
    changed = [new for old, new in zip(before, after, strict=True) if new is not old]
    # they have no output yet: nothing was sent
    write_runs(connection, [run_row(run) for run in changed])
    begun = [run for run in before if not run.state.final and run.state is not State.HELD]
    cancels = [_cancel(run, person) for run in begun]
    if cancels:
        connection.execute(insert(outbox), [outbox_row(sending) for sending in cancels])
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job)
        .values(canceller_id=person.id, canceller_name=person.name, waits_until=None)
    )
    mark_changed(connection, [job], at)
    return Cancelled(tuple(after))


def cancel_again(
    connection: Connection, taken: Sequence[RunRecord], locked: Mapping[str, AnyRow]
) -> None:
    """Send a Cancel for these runs of work queues, whose jobs were cancelled: the worker that has
    taken one may have started after the first Cancel was sent."""
    for run in taken:
        cancel = _cancel(run, Person(id=locked[run.job].canceller_id))
        connection.execute(insert(outbox), [outbox_row(cancel)])


def start_sending(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Record that these messages may have been sent from now on; return those that could not have
    been before."""
    statement = update(outbox).where(outbox.c.id.in_(ids), ~outbox.c.tried).values(tried=True)
    return set(connection.execute(statement.returning(outbox.c.id)).scalars())


def not_sent(connection: Connection, ids: Sequence[str]) -> None:
    """Record that these messages were certainly not sent: they may be, then."""
    connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(tried=False))


def _cancel(run: RunRecord, person: Person) -> OutboxMessage:
    message = Cancel(
        job=run.job, request=run.request, attempt=run.attempt, host=run.host, requester=person
    )
    return OutboxMessage(
        id=message.id,
        job=run.job,
        host=run.host,
        exchange=INPUT,
        key=cancel_work_key(run.queue) if run.queue else host_key(run.host),
        message=message,
        mandatory=True,
        deadline=ends_at(run) or run.deadline,
    )
