"""Jobs, runs, messages and audit entries to rows, and back. Pure."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

import structlog
from pydantic import ValidationError

from baton.bus.messages import Message, Person, Request, State, decode, encode
from bot.holds import Hold
from bot.jobs import AuditEntry, Job, NewJob, OutboxMessage, Place, RunRecord
from bot.run_changes import GRACE, ends_at
from bot.store.database.sql import AnyRow

log = structlog.get_logger(__name__)

Values = dict[str, Any]

_STATES = frozenset(state.value for state in State)
_LONGEST_ID = 256


def job_row(new: NewJob) -> Values:
    """Return the row of a job that starts."""
    job = new.job
    broadcast = next((sending for sending in new.outbox if not sending.host), None)
    timeout = None
    if broadcast is not None and isinstance(broadcast.message, Request):
        timeout = broadcast.message.timeout
    waits_until = None
    if broadcast is not None and not new.runs:
        waits_until = broadcast.deadline + timedelta(seconds=GRACE)
    return {
        "id": job.id,
        "key": job.key,
        "command": job.command,
        "arguments": job.arguments,
        "title": job.title,
        "environment": job.environment,
        "app": job.app,
        "person_id": job.asked_by.id,
        "person_name": job.asked_by.name,
        **place_row(job.place),
        "asked": job.asked,
        "closed": job.closed if new.runs or new.outbox else job.asked,
        "canceller_id": job.cancelled_by.id if job.cancelled_by else None,
        "canceller_name": job.cancelled_by.name if job.cancelled_by else None,
        "told": job.reported,
        "revision": job.revision,
        "under": job.under,
        "hidden": job.hidden,
        "hold": {} if job.hold is None else job.hold.model_dump(mode="json"),
        "plan": dict(job.plan),
        "plan_digest": job.plan_digest,
        "rolling": job.hold is not None and job.hold.rolling,
        "broadcast": broadcast is not None,
        "deadline": broadcast.deadline if broadcast else None,
        "timeout": timeout,
        "sent": None,
        "waits_until": waits_until,
    }


def job_of(row: AnyRow) -> Job:
    """Return the job in `row`."""
    canceller = None
    if row.canceller_id is not None:
        canceller = _person(row.canceller_id, row.canceller_name)
    return Job(
        id=row.id,
        key=row.key,
        command=row.command,
        arguments=row.arguments,
        title=row.title,
        environment=row.environment,
        app=row.app,
        asked_by=_person(row.person_id, row.person_name),
        place=place_of(row),
        asked=row.asked,
        closed=row.closed,
        cancelled_by=canceller,
        reported=row.told,
        revision=row.revision,
        under=row.under,
        hidden=row.hidden,
        hold=hold_of(row.hold),
        plan=row.plan if isinstance(row.plan, dict) else {},
        plan_digest=row.plan_digest,
    )


def hold_of(value: object) -> Hold | None:
    """Return the hold in a column; None if it is empty, or cannot be read because another version
    wrote it."""
    if not value:
        return None
    try:
        return Hold.model_validate(value)
    except ValidationError as error:
        log.error("a hold in the database cannot be read", reason=str(error.errors()[0]["msg"]))
        return None


def run_row(run: RunRecord, lines: int = 0, size: int = 0) -> Values:
    """Return the row of `run`, whose output so far has `lines` lines and `size` characters."""
    return {
        "job": run.job,
        "host": run.host,
        "attempt": run.attempt,
        "request": run.request,
        "deadline": run.deadline,
        "timeout": run.timeout,
        "state": run.state.value,
        "text": run.text,
        "step": run.step,
        "percent": run.percent,
        "sequence": run.sequence,
        "sent": run.sent,
        "started": run.started,
        "finished": run.finished,
        "facts": run.facts,
        "late": run.late.value if run.late else None,
        "ends_at": ends_at(run),
        "lines": lines,
        "size": size,
        "retries": run.retries,
        "retried": run.retried,
    }


def run_of(row: AnyRow) -> RunRecord:
    """Return the run in `row`. A state that this version does not know, which a newer one may have
    written, is read as lost."""
    state = state_of(row.state)
    return RunRecord(
        job=row.job,
        host=row.host,
        request=row.request,
        attempt=row.attempt,
        deadline=row.deadline,
        timeout=row.timeout,
        state=state or State.LOST,
        text=row.text if state else f"{row.state}: unknown state, written by another version",
        step=row.step,
        percent=row.percent,
        sequence=row.sequence,
        sent=row.sent,
        started=row.started,
        finished=row.finished,
        facts=row.facts,
        late=state_of(row.late),
        retries=row.retries,
        retried=row.retried,
    )


def state_of(word: str | None) -> State | None:
    """Return the state that is called so; None for one that this version does not know."""
    return State(word) if word in _STATES else None


@lru_cache(maxsize=1_024)
def _person(id: str, name: str | None) -> Person:
    """Return the person in a row. What exceeds the present limits is cut. Many rows are of the same
    people."""
    return Person(id=id[:_LONGEST_ID], name=name or "")


def outbox_row(sending: OutboxMessage) -> Values:
    """Return the row of a message that waits to be sent."""
    return {
        "id": sending.id,
        "job": sending.job,
        "host": sending.host,
        "exchange": sending.exchange,
        "key": sending.key,
        "type": sending.message.type,
        "attempt": getattr(sending.message, "attempt", 1),
        "message": encode(sending.message).decode(),
        "mandatory": sending.mandatory,
        "deadline": sending.deadline,
        "tried": sending.tried,
    }


def outbox_message_of(row: AnyRow) -> OutboxMessage:
    """Return the message in `row`."""
    message: Message = decode(row.message.encode())
    return OutboxMessage(
        id=row.id,
        job=row.job,
        host=row.host,
        exchange=row.exchange,
        key=row.key,
        message=message,
        mandatory=row.mandatory,
        deadline=row.deadline,
        tried=row.tried,
    )


def audit_row(entry: AuditEntry) -> Values:
    """Return the row of `entry`."""
    return {
        "time": entry.time,
        "person_id": entry.person.id,
        "person_name": entry.person.name,
        **place_row(entry.place),
        "words": entry.words,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "job": entry.job,
        "environment": entry.environment,
        "key": entry.key,
    }


def audit_of(row: AnyRow) -> AuditEntry:
    """Return the entry in `row`."""
    return AuditEntry(
        time=row.time,
        person=_person(row.person_id, row.person_name),
        place=place_of(row),
        words=row.words,
        verdict=row.verdict,
        reason=row.reason,
        job=row.job,
        environment=row.environment,
        key=row.key,
    )


def place_row(place: Place) -> Values:
    """Return the columns of a place."""
    return {
        "front": place.front,
        "channel": place.channel,
        "thread": place.thread,
        "place_name": place.name,
    }


def place_of(row: AnyRow) -> Place:
    """Return the place in `row`."""
    return Place(row.front, row.channel, row.thread, row.place_name)
