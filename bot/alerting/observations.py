"""Turns what servers report into observations of the alert engine. Pure. `at` is in steady
seconds."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.labels import ALERTNAME, Labels, sanitize
from alerts.observation import HeartbeatSeen, LivenessSeen, Sample, Severity
from baton.bus.messages import Heartbeat, Pong, State
from bot.jobs import Job, RunRecord
from bot.schedules.schedule import ScheduleResult
from bot.versions import Drift

LEDGER = "the ledger"
"""The source of what jobs came to."""
DRIFT = "versions"
"""The source of what is live on servers, compared with what was put there."""
MAX_TEXT = 500
"""Characters of a run's last words that an alert repeats."""

_BAD = frozenset(
    {
        State.FAILED,
        State.LOST,
        State.UNROUTABLE,
        State.EXPIRED,
        State.BLOCKED,
        State.INTERRUPTED,
    }
)
_GOOD = frozenset({State.SUCCEEDED})


def heartbeat_seen(message: Heartbeat, at: float) -> HeartbeatSeen:
    """A heartbeat that came at `at`: clocks of servers may be wrong."""
    facts = message.facts
    return HeartbeatSeen(facts.host, facts.environment, message.interval, at, message.leaving)


def liveness_seen(message: Pong, at: float) -> LivenessSeen:
    """An answer that came at `at`."""
    return LivenessSeen(message.facts.host, message.facts.environment, at)


def schedule_sample(seen: ScheduleResult, environment: str, at: float) -> Sample:
    """What a schedule that only looks, such as a ping, came to: it fires until it is well again."""
    names = {ALERTNAME: "schedule", "env": environment, "schedule": seen.title}
    labels = Labels.of(sanitize(names))
    text = seen.text[:MAX_TEXT]
    return Sample(
        labels, not seen.good, at, text, Severity.WARNING, f"schedule/{seen.schedule}", decided=True
    )


def drift_sample(seen: Drift, at: float) -> Sample:
    """Whether a server has live what its last deploy put there: it fires until it is the same
    again."""
    names = {ALERTNAME: "drift", "env": seen.environment, "app": seen.app, "host": seen.host}
    labels = Labels.of(sanitize(names))
    return Sample(labels, bool(seen.text), at, seen.text, source=DRIFT, decided=True)


def job_samples(job: Job, runs: Sequence[RunRecord], at: float) -> list[Sample]:
    """What a job that changes servers came to on each: a failure fires until the same succeeds
    there. What was refused or cancelled says nothing of the server, nor does what was never
    sent."""
    samples = []
    for run in runs:
        if run.state not in _BAD | _GOOD or run.unsent:
            continue
        names = {
            ALERTNAME: job.command,
            "env": job.environment,
            "app": job.app or "",
            "host": run.host,
        }
        labels = Labels.of(sanitize(names))
        last = run.text.strip().rpartition("\n")[2][:MAX_TEXT]
        text = f"{run.state.value}: {last}" if last else run.state.value
        samples.append(
            Sample(
                labels,
                run.state in _BAD,
                at,
                text,
                Severity.WARNING,
                source=LEDGER,
                decided=True,
                dated=True,
            )
        )
    return samples
