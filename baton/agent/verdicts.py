"""Verdicts say what becomes of a request: refused before it starts, or ended in some way. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from baton.bus.messages import Request, State, Update
from baton.errors import BatonError, Refused
from baton.outcome import duration
from baton.server import Server


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict is a final state and its reason, for people to read."""

    state: State
    text: str = ""


STOPPED = Verdict(State.INTERRUPTED, "the agent was stopped")
RESTARTED = Verdict(
    State.INTERRUPTED,
    "the agent was restarted during the run; check the server before you try again",
)
CANCELLED_BEFORE = Verdict(State.CANCELLED, "it was cancelled before it arrived")


def refusal(
    request: Request,
    *,
    server: Server,
    known: Collection[str],
    under_way: int,
    most: int,
    late: str = "",
) -> Verdict | None:
    """Return why `server` does not start `request`; None if it does.

    Its agent has the commands `known`. Of `most` runs at a time, `under_way` are in progress;
    `late` says why it is too late, if it is.
    """
    if request.host not in (None, server.fqdn):
        return Verdict(
            State.REFUSED, f"it is meant for {request.host}, but this server is {server.fqdn}"
        )
    if request.environment != server.environment:
        text = f"it is meant for {request.environment}, but this server is in {server.environment}"
        return Verdict(State.REFUSED, text)
    if request.command not in known:
        names = ", ".join(sorted(known)) or "none"
        text = f"command “{request.command}” is not installed on this server (installed: {names})"
        return Verdict(State.REFUSED, text)
    if late:
        return Verdict(State.EXPIRED, late)
    if unplanned := _unplanned(request, server.fqdn):
        return Verdict(State.REFUSED, unplanned)
    if under_way >= most:
        runs = "1 run is" if under_way == 1 else f"{under_way} runs are"
        return Verdict(
            State.REFUSED, f"{runs} in progress here, which is the limit (agent.most_runs)"
        )
    return None


def _unplanned(request: Request, host: str) -> str:
    """Return why `request` to `host` is not what people approved; empty if it is, or if nobody was
    asked."""
    plan = request.plan
    if plan is None:
        return ""
    begin = "it is not what was approved"
    if plan.job != request.job:
        return f"{begin}: the plan is of job {plan.job[:6]}"
    if plan.command != request.command or dict(plan.arguments) != dict(request.arguments):
        return f"{begin}: the plan is of another command"
    if request.host is None or plan.of_host(host) is None:
        return f"{begin}: {host} is not in the plan"
    return ""


def lateness(deadline: datetime, *, expires: float | None, at: datetime) -> str:
    """Return why a request with this deadline is too late; empty if it is not.

    The clock of this server may be wrong, so it does not count if RabbitMQ has counted the time:
    `expires` is how many seconds it still delivers the request. Without it there is only the clock,
    which says `at`.
    """
    if expires is None:
        if at <= deadline:
            return ""
        late = duration((at - deadline).total_seconds())
        return (
            f"it arrived {late} after its deadline, by the clock of this server ({at:%H:%M:%S} UTC)"
        )
    return "it was sent after its deadline" if expires <= 0 else ""


def verdict_of(
    error: BaseException | None,
    *,
    asked: Verdict | None = None,
    overran: float | None = None,
    setting: str = "",
) -> Verdict:
    """Return how a run ended whose consumer raised `error`, or returned.

    `asked` is how it was asked to end, if it was; `overran` is its time limit in seconds, if that
    was exceeded, and `setting` what set the limit.
    """
    if asked is None and overran is not None:
        by = f" ({setting})" if setting else ""
        asked = Verdict(
            State.FAILED, f"it exceeded its time limit of {duration(overran)}{by} and was stopped"
        )
    if asked is not None:
        if error is None or isinstance(error, asyncio.CancelledError | TimeoutError):
            return asked
        return Verdict(asked.state, f"{asked.text}; while stopping: {_reason(error)}")
    if error is None:
        return Verdict(State.SUCCEEDED)
    state = State.REFUSED if isinstance(error, Refused) else State.FAILED
    return Verdict(state, _reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, BatonError):
        return str(error)
    if isinstance(error, asyncio.CancelledError):
        return "the command cancelled its own work"
    if isinstance(error, TimeoutError):
        return f"something timed out: {error}".removesuffix(": ")
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def closing_update(request: Request, server: Server, verdict: Verdict, sequence: int = 1) -> Update:
    """Return the update that ends `request` on `server` without a run of its own."""
    return Update(
        source=server.fqdn,
        job=request.job,
        request=request.id,
        attempt=request.attempt,
        host=server.fqdn,
        environment=request.environment,  # it is about the request, wherever this server is
        command=request.command,
        sequence=sequence,
        state=verdict.state,
        level="error",
        text=verdict.text,
    )
