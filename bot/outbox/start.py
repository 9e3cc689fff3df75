"""When a job that is held starts, and what is asked before. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from enum import Enum

from baton.outcome import duration
from bot.holds import Clear, Hindrance, Hold, tally
from bot.jobs import Job, short_id

Check = Callable[[Job, Collection[str]], Awaitable[Hindrance | Clear]]
"""Says whether a job may start on these servers: its asker must still be allowed to ask for it."""


class Step(Enum):
    """What is to be done next about a job that is held."""

    WAIT = "wait"
    SURVEY = "survey"
    """Ask its servers what would change."""
    WARN = "warn"
    """Say that most of its time is over."""
    START = "start"


def decide(job: Job, at: datetime) -> Step:
    """Return what is to be done about `job`, of which a run is held."""
    hold = job.hold
    if hold is None or hold.opened is not None or at >= hold.until:
        return Step.WAIT  # it has begun, or ends by itself
    if hold.survey and not job.plan_digest:
        return Step.SURVEY
    if tally(hold, job.votes, job.plan_digest).complete:
        return Step.START
    if not hold.warning and at >= hold.warn_at:
        return Step.WARN
    return Step.WAIT


def warning(job: Job, hold: Hold) -> str:
    """Return what people read when three quarters of the time of `hold` are over."""
    words = tally(hold, job.votes, job.plan_digest).words
    left = duration((hold.until - hold.warn_at).total_seconds())
    return f"{job.title} ends in {left}, at {hold.until:%H:%M:%S} UTC, unless it starts: {words}"


def warned(job: Job, at: datetime) -> dict[str, object]:
    """Return what changes of what `job` waits for if people are to be warned at `at`."""
    due = job.hold is not None and decide(job, at) is Step.WARN
    return {"warning": warning(job, job.hold)} if due and job.hold is not None else {}


def beside(job: Job, held: Sequence[Job]) -> tuple[str, ...]:
    """Return which other jobs that are `held` are for the same target, by their short IDs."""
    mine = set(job.environment.split(", "))
    return tuple(
        sorted(
            short_id(other.id)
            for other in held
            if other.id != job.id
            and other.app == job.app
            and mine & set(other.environment.split(", "))
        )
    )
