"""Jobs, and what their servers say, in a line each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from baton.bus.exchanges import INPUT, command_key, host_key
from baton.bus.facts import Facts
from baton.bus.messages import Person, Pong, Request, State, Update, new_id
from bot.jobs import AuditEntry, Job, NewJob, OutboxMessage, Place, RunRecord
from bot.store import Store

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Person(id="U_ANN", name="ann")
BEN = Person(id="U_BEN", name="ben")
CHANNEL = Place("slack", "C1")
IN_TIME = timedelta(seconds=60)


def later(seconds: float) -> datetime:
    """`seconds` after T0."""
    return T0 + timedelta(seconds=seconds)


def deploy(*hosts: str, key: str = "", **fields: Any) -> NewJob:
    """A job with one request for each of `hosts`."""
    job = _job(key, fields)
    requests = [_request(job, host) for host in hosts]
    return NewJob(
        job,
        tuple(_run(job, host, request) for host, request in zip(hosts, requests, strict=True)),
        tuple(
            OutboxMessage(
                request.id, job.id, host, INPUT, host_key(host), request, True, request.deadline
            )
            for host, request in zip(hosts, requests, strict=True)
        ),
    )


def ping(*hosts: str, key: str = "", **fields: Any) -> NewJob:
    """A broadcast, to which `hosts` are expected to answer."""
    job = _job(key, {"command": "ping", "title": "ping prod", **fields})
    request = _request(job, None)
    topic = command_key("ping", "prod")
    sending = OutboxMessage(request.id, job.id, "", INPUT, topic, request, True, request.deadline)
    return NewJob(job, tuple(_run(job, host, request) for host in hosts), (sending,))


async def asked(store: Store, new: NewJob, *, sent: bool = True) -> NewJob:
    """Ask `new`, and have it sent."""
    await store.ledger.start_job(new, entry(new))
    if sent:
        await store.ledger.settle(taken_up(new.outbox, later(1)), at=later(1))
    return new


def taken_up(rows: Iterable[OutboxMessage], at: datetime) -> dict[str, datetime]:
    """`rows`, sent at `at`: by when each must be taken up."""
    return {row.id: row.accept_by(at) for row in rows}


def entry(new: NewJob) -> AuditEntry:
    """The audit entry of an ask that was allowed."""
    job = new.job
    return AuditEntry(
        job.asked, job.asked_by, job.place, job.title, "allowed", "", job.id, job.environment
    )


def update(new: NewJob, host: str, sequence: int, state: State, **fields: Any) -> Update:
    """What `host` says of its run of `new`."""
    return Update(
        job=new.job.id,
        request=request_of(new, host),
        host=host,
        environment="prod",
        command=new.job.command,
        sequence=sequence,
        state=state,
        **{"time": later(sequence), **fields},
    )


def pong(new: NewJob, host: str) -> Pong:
    """The answer of `host` to the ping `new`."""
    return Pong(
        job=new.job.id, request=new.outbox[0].id, facts=Facts(host=host, environment="prod")
    )


def request_of(new: NewJob, host: str) -> str:
    """The request of `new` that reaches `host`."""
    return next((run.request for run in new.runs if run.host == host), "unknown")


async def states(store: Store, new: NewJob) -> dict[str, State]:
    """How each run of `new` stands."""
    found = await store.ledger.job(new.job.id)
    assert found is not None
    return {run.host: run.state for run in found[1]}


async def job_of(store: Store, new: NewJob) -> Job:
    """The job `new` as the ledger has it."""
    found = await store.ledger.job(new.job.id)
    assert found is not None
    return found[0]


async def run_of(store: Store, new: NewJob, host: str) -> RunRecord:
    """The run of `new` on `host` as the ledger has it."""
    found = await store.ledger.job(new.job.id)
    assert found is not None
    return next(run for run in found[1] if run.host == host)


def _job(key: str, fields: dict[str, Any]) -> Job:
    name = new_id()
    return Job(
        **{
            "id": name,
            "key": key or f"key-{name}",
            "command": "deploy",
            "arguments": {"app": "shop", "environment": "prod"},
            "title": "deploy shop prod",
            "environment": "prod",
            "app": "shop",
            "asked_by": ANN,
            "place": CHANNEL,
            "asked": T0,
            **fields,
        }
    )


def _request(job: Job, host: str | None) -> Request:
    return Request(
        time=job.asked,
        job=job.id,
        command=job.command,
        environment="prod",
        host=host,
        deadline=job.asked + IN_TIME,
        timeout=900.0,
        requester=job.asked_by,
    )


def _run(job: Job, host: str, request: Request) -> RunRecord:
    return RunRecord(job.id, host, request.id, 1, request.deadline, request.timeout)
