"""Step 1 of the path (asking), the pure part: a command becomes a job, its runs, and what to
send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from baton.command import Command, Reach, Seen
from baton.exchanges import INPUT, command_key, host_key
from baton.messages import Person, Request, new_id
from bot.jobs import Job, NewJob, Place, RunRecord, Sending
from bot.servers.inventory import chosen

log = structlog.get_logger(__name__)

SENDABLE = 20.0
"""Seconds, at least, for which a request may wait in the outbox: a bot that starts again, or takes
over from another, still sends it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One ask as the front end took it. `key` is the front end's own id of it."""

    text: str
    asker: Person
    place: Place
    key: str
    at: datetime


def plan(command: Command, ask: Ask, servers: Sequence[Seen], source: str) -> NewJob:
    """The job that `command` makes for the servers it means.

    A change is sent to each server by name, so that a missing one is known at once; what only
    looks is broadcast to its environment. How long a server has to take it up counts from the
    sending (Sending.stamped): until then, the deadlines say by when it must be sent. Raises
    UsageError if no known server is meant.
    """
    target = command.target
    meant = chosen(servers, target)
    environments = sorted({server.facts.environment for server in meant})
    job = Job(
        id=new_id(),
        key=ask.key,
        command=command.name,
        arguments=command.model_dump(mode="json"),
        title=_title(command),
        environment=", ".join(environments),
        app=target.app,
        asked_by=ask.asker,
        place=ask.place,
        asked=ask.at,
    )
    deadline = ask.at + timedelta(seconds=command.accept_within)
    send_by = ask.at + timedelta(seconds=max(command.accept_within, SENDABLE))
    if command.reach is Reach.ALL and target.host is None and target.environment is not None:
        request = _request(command, job, target.environment, None, deadline, source)
        key = command_key(command.name, job.environment, target.app)
        sendings = [Sending(request.id, job.id, "", INPUT, key, request, True, send_by)]
        requests = [(server.facts.host, request) for server in meant]
    else:
        requests = [
            (facts.host, _request(command, job, facts.environment, facts.host, deadline, source))
            for facts in (server.facts for server in meant)
        ]
        sendings = [
            Sending(request.id, job.id, host, INPUT, host_key(host), request, True, send_by)
            for host, request in requests
        ]
    runs = tuple(
        RunRecord(job.id, host, request.id, request.attempt, send_by, command.timeout)
        for host, request in requests
    )
    return NewJob(job, runs, tuple(sendings))


def _title(command: Command) -> str:
    """How it is called in a post; if an extension's own words fail, by its name and target."""
    try:
        return str(command.title())
    except Exception:
        log.exception("a command cannot say what it is called", command=command.name)
        target = command.target
        parts = (command.name, target.app, target.environment, target.host)
        return " ".join(part for part in parts if part)


def _request(
    command: Command,
    job: Job,
    environment: str,
    host: str | None,
    deadline: datetime,
    source: str,
) -> Request:
    return Request(
        source=source,
        time=job.asked,
        job=job.id,
        command=command.name,
        arguments=job.arguments,
        environment=environment,
        host=host,
        deadline=deadline,
        timeout=command.timeout,
        requester=job.asked_by,
    )
