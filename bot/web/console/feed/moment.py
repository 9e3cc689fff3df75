"""A job as it was at a moment of the past, by the times of its runs and of its output. Pure.

States in between are not stored. When a run was sent, started and ended is; what it said last by
then, and in which step, is in its output. A server stamps its output by its own clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from baton.bus.messages import State
from bot.jobs import Job, RunRecord
from bot.store.jobs.news import Said

RunName = tuple[str, int]
"""The host and the attempt of a run."""


@dataclass(frozen=True, slots=True)
class RunThen:
    """A run as it was, and how many lines of its output there were."""

    run: RunRecord
    lines: int


def job_at(
    job: Job, runs: Sequence[RunRecord], said: Mapping[RunName, Said], at: datetime
) -> tuple[Job, list[RunThen]]:
    """Return `job` and its runs as they were at `at`. `said` is what each run had said by then."""
    closed = job.closed if job.closed is not None and job.closed <= at else None
    opened = job.hold.opened if job.hold is not None else None
    waited = job.hold is not None and (opened is None or at < opened)
    before = State.HELD if waited else State.QUEUED
    then = [run_at(run, said.get((run.host, run.attempt), Said()), at, before) for run in runs]
    return replace(job, closed=closed), then


def run_at(run: RunRecord, said: Said, at: datetime, before: State = State.QUEUED) -> RunThen:
    """Return `run` as it was at `at`, when it had said that. It was `before` until it was sent."""
    if run.finished is not None and run.finished <= at:
        return RunThen(run, said.lines)
    state, step, text = before, "", ""
    if run.started is not None and run.started <= at:
        state, step, text = State.RUNNING, said.step, said.text
    elif run.sent is not None and run.sent <= at:
        state = State.SENT
    then = replace(
        run,
        state=state,
        step=step,
        text=text,
        percent=None,
        late=None,
        finished=None,
        sent=_by(run.sent, at),
        started=_by(run.started, at),
    )
    # a server whose clock is ahead of ours has said nothing before it began
    return RunThen(then, said.lines if state is State.RUNNING else 0)


def _by(time: datetime | None, at: datetime) -> datetime | None:
    return time if time is not None and time <= at else None
