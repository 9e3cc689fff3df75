"""From held runs to requests that are sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from baton.bus.exchanges import INPUT, host_key
from baton.bus.messages import Request, State
from baton.bus.plans import Plan
from bot.holds import Clear
from bot.jobs import MIN_SEND_WINDOW, Job, OutboxMessage, RunRecord


def opened(
    job: Job, held: Sequence[RunRecord], plan: Plan | None, clear: Clear, at: datetime, source: str
) -> tuple[tuple[RunRecord, ...], tuple[OutboxMessage, ...]]:
    """Return these `held` runs of `job` as they wait to be sent, and the request for each. How long
    a server has to take it up counts from the sending, as for any other. Each has the number of the
    last lock, by which it is `clear`."""
    assert job.hold is not None, job.id
    window = job.hold.accept_within
    deadline = at + timedelta(seconds=window)
    send_by = at + timedelta(seconds=max(window, MIN_SEND_WINDOW))
    whole = plan is None or plan.fits
    runs, outbox = [], []
    for run in held:
        environment = job.hold.environments.get(run.host, job.environment)
        request = Request(
            id=run.request,
            source=source,
            time=at,
            job=job.id,
            command=job.command,
            arguments=job.arguments,
            environment=environment,
            host=run.host,
            attempt=run.attempt,
            deadline=deadline,
            timeout=run.timeout,
            requester=job.asked_by,
            plan=plan if plan is None or whole else plan.only(run.host),
            approvals=job.hold.signatures,
            fence=clear.fences.get(environment) or None,
        )
        key = run.host if run.queue else host_key(run.host)
        name = f"{run.request}.{run.attempt}/{run.host}"
        outbox.append(OutboxMessage(name, job.id, run.host, INPUT, key, request, True, send_by))
        runs.append(replace(run, state=State.QUEUED, deadline=send_by))
    return tuple(runs), tuple(outbox)
