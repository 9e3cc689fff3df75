"""How a run changes: by what its server reports, and by what the ledger itself concludes. Pure.

A run moves only forward, and ends once: the first final state stays. A different one that is
received later is recorded as `late`, so that the post can show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baton.bus.exchanges import WEEK
from baton.bus.messages import ENDS_WITHIN, NEXT_LOOK, Pong, State, Update
from baton.text.printable import without_escapes
from bot.jobs import RunRecord

GRACE = 15.0
"""Seconds past a deadline before the ledger closes a run: what was reported in time may still be
on its way."""


_ORDER = {State.HELD: -1, State.QUEUED: 0, State.SENT: 1, State.ACCEPTED: 2, State.RUNNING: 3}


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message changes: the run as it is now, and the output to store, if any. The output
    keeps its colours; the texts of the run have none."""

    run: RunRecord
    output: str = ""
    level: str = "info"
    step: str = ""


def apply(run: RunRecord, message: Update | Pong, at: datetime) -> Applied | None:
    """Return what `message`, received at `at`, changes in `run`; None if it changes nothing.

    A run that has ended keeps its state; a different end that is received later becomes `late`. An
    update whose sequence is not past the last one applied was received before. Nobody was asked for
    a run that is held.
    """
    if run.state is State.HELD:
        return None
    if isinstance(message, Pong):
        return _apply_pong(run, message, at)
    if message.sequence <= run.sequence:
        return None
    run = replace(run, sequence=message.sequence)
    output = message.text
    if run.state.final:
        if message.state.final and message.state is not run.state:
            run = replace(run, late=message.state)
        return Applied(run, output, message.level, message.step)
    run = replace(
        run,
        state=_advance(run.state, message.state),
        started=run.started or at,
        percent=message.percent if message.percent is not None else run.percent,
        step=without_escapes(message.step) or run.step,
        text=without_escapes(message.text) if message.level != "log" else run.text,
        facts={**run.facts, **message.facts},
        finished=at if message.state.final else None,
    )
    if run.queue:
        run = _looked_at(run, message)
    return Applied(run, output, message.level, message.step)


def _apply_pong(run: RunRecord, pong: Pong, at: datetime) -> Applied | None:
    facts = pong.facts.model_dump(mode="json")
    if not run.state.final:
        ended = replace(
            run, state=State.SUCCEEDED, started=at, finished=at, facts=facts, percent=100
        )
        return Applied(ended)
    if run.state is State.SUCCEEDED or run.late is State.SUCCEEDED:
        return None
    return Applied(replace(run, late=State.SUCCEEDED, facts=facts))


def _looked_at(run: RunRecord, message: Update) -> RunRecord:
    """Return `run`, of a work queue: it waits for something only while its worker says so."""
    if NEXT_LOOK in message.facts and not run.state.final:
        return run
    return replace(run, facts={key: run.facts[key] for key in run.facts if key != NEXT_LOOK})


def _advance(old: State, new: State) -> State:
    if new.final:
        return new
    return new if _ORDER.get(new, 0) >= _ORDER[old] else old


def close(run: RunRecord, state: State, text: str, at: datetime) -> RunRecord:
    """Return `run` ended by the ledger itself, not by its agent; a run that has ended already stays
    as it is."""
    if run.state.final:
        return run
    return replace(run, state=state, text=text, finished=at)


def ends_at(run: RunRecord) -> datetime | None:
    """Return when the ledger closes `run` if nothing more is received; None once it has ended."""
    if run.state.final:
        return None
    if run.state is State.HELD:
        return run.deadline
    if run.state in (State.QUEUED, State.SENT):
        return run.deadline + timedelta(seconds=GRACE)
    return (run.started or run.deadline) + timedelta(seconds=_time_limit(run) + GRACE)


def _time_limit(run: RunRecord) -> float:
    """Return the seconds that `run` may take: the limit that its agent reports, else the requested
    one."""
    said = run.facts.get(ENDS_WITHIN)
    if isinstance(said, int | float) and 0 < said <= WEEK:
        return float(said)
    return run.timeout


def close_if_overdue(run: RunRecord, now: datetime, seeing_since: datetime | None) -> RunRecord:
    """Return `run` as it is at `now`: closed as `expired` or `lost` if its time is over.

    `seeing_since` is when our own link to RabbitMQ came up, None while it is lost. What was
    reported while it was lost is received only after that, so no run is closed within GRACE
    seconds of it. A run that is held was not sent, so that does not matter to it.
    """
    end = ends_at(run)
    if run.state is State.HELD and end is not None and now >= end:
        return close(run, State.EXPIRED, "not started in time", now)
    if end is None or seeing_since is None or now < end:
        return run
    if now < seeing_since + timedelta(seconds=GRACE):
        return run
    if run.state is State.QUEUED:
        return close(run, State.EXPIRED, "not sent before its deadline", now)
    if run.state is State.SENT:
        text = "no worker took it in time" if run.queue else "the agent did not accept it in time"
        if run.sent is not None and run.sent < seeing_since:
            # its time ran while we were blind, and it may be RabbitMQ that did not hand it out
            text += f"; this bot had no link to RabbitMQ until {seeing_since:%H:%M:%S} UTC"
        return close(run, State.EXPIRED, text, now)
    by = run.worker or ("a worker" if run.queue else "the agent")
    return close(run, State.LOST, f"{by} started it, and nothing was received since", now)
