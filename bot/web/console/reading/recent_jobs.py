"""The latest jobs as a viewer may read them: what runs, and what did not succeed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baton.bus.messages import State
from bot.jobs import Job, RunRecord
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import reader_of

MAX_LOOKED_AT = 200
"""Jobs that are looked through for those that somebody may read."""

_WORST = (
    State.FAILED, State.LOST, State.INTERRUPTED, State.UNROUTABLE, State.REFUSED, State.EXPIRED,
    State.CANCELLED, State.RUNNING, State.ACCEPTED, State.SENT, State.QUEUED, State.SUCCEEDED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A job. `state` is that of its runs which matters most; `done` of `total` have ended, and
    `counts` says how."""

    job: Job
    state: str
    done: int
    total: int
    counts: Mapping[str, int]

    @property
    def open(self) -> bool:
        """Whether something of it still runs."""
        return self.job.closed is None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.job.closed is None:
            return None
        return (self.job.closed - self.job.asked).total_seconds()

    @property
    def summary(self) -> str:
        """`2 succeeded, 1 failed`."""
        return ", ".join(f"{count} {state}" for state, count in self.counts.items())


@dataclass(frozen=True, slots=True)
class SeenJobs:
    """The latest jobs that somebody may read; `left_out` counts the others among those."""

    jobs: tuple[SeenJob, ...]
    left_out: int

    def running(self) -> list[SeenJob]:
        """Return those that run."""
        return [one for one in self.jobs if one.open]

    def failed_since(self, since: datetime) -> list[SeenJob]:
        """Return those that were over after `since` and did not succeed everywhere."""
        return [
            one
            for one in self.jobs
            if one.job.closed is not None
            and one.job.closed >= since
            and one.state not in (State.SUCCEEDED, State.CANCELLED)
        ]


async def read_jobs(parts: ConsoleParts, viewer: Viewer, limit: int = MAX_LOOKED_AT) -> SeenJobs:
    """Return the latest jobs, the newest first. Raises DatabaseUnavailable."""
    reader = reader_of(parts.authorizer, viewer, "jobs", parts.clock())
    jobs = [
        job
        for job in await parts.store.ledger.recent(limit)
        if await reader.may_read(parts.authorizer.job_record(job))
    ]
    found = await parts.store.ledger.jobs([job.id for job in jobs])
    seen = tuple(seen_job(*found[job.id]) for job in jobs if job.id in found)
    return SeenJobs(seen, reader.left_out)


def seen_job(job: Job, runs: Sequence[RunRecord]) -> SeenJob:
    """Return a job with what its runs come to. Only the last attempt on a server counts."""
    last = {run.host: run.state for run in sorted(runs, key=lambda run: run.attempt)}
    states = Counter(last.values())
    counts = {state.value: states[state] for state in _WORST if states[state]}
    state = next(iter(counts), State.QUEUED.value)
    if job.closed is None:
        state = State.RUNNING.value if any(not one.final for one in states) else state
    done = sum(count for one, count in states.items() if one.final)
    return SeenJob(job, state, done, len(last), counts)


DAY = timedelta(days=1)
