"""Which release of an app each server reported last: what a deploy that succeeded left there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from baton.bus.messages import State
from bot.jobs import Job
from bot.store.database.sql import chunks
from bot.store.jobs.job_rows import job_of
from bot.store.jobs.queries import JobWithRuns, several
from bot.store.tables.job_tables import jobs, runs

MAX_JOBS = 100
"""Jobs of an environment that are looked through, the newest first: what was deployed there before
them is not shown."""


@dataclass(frozen=True, slots=True)
class LiveRelease:
    """What is live of `app` on `host`, since `job` put it there. `release` is the name of its
    folder; `ref` is empty for the default branch, `commit` if it is not of git.

    Whoever may look at the server may know it, but its job only who may read that."""

    host: str
    app: str
    ref: str
    commit: str
    release: str
    job: Job
    since: datetime

    @property
    def label(self) -> str:
        """What people call it: `v2 (1a2b3c4d)`."""
        commit = self.commit[:8]
        if self.ref and commit and not self.ref.startswith(commit):
            return f"{self.ref} ({commit})"
        return self.ref or commit or self.release


_NEWEST = (
    select(jobs)
    .where(jobs.c.environment == bindparam("environment"), jobs.c.app.is_not(None))
    .order_by(jobs.c.asked.desc())
    .limit(MAX_JOBS)
)
MAX_DEPLOYS = 20
"""Jobs of an app that are read with all their runs, the newest first."""

_OF_APP = (
    select(jobs.c.id)
    .where(jobs.c.environment == bindparam("environment"), jobs.c.app == bindparam("app"))
    .order_by(jobs.c.asked.desc())
    .limit(MAX_DEPLOYS)
)
_SUCCEEDED = select(runs.c.job, runs.c.host, runs.c.facts, runs.c.finished).where(
    runs.c.job.in_(bindparam("ids", expanding=True)),
    runs.c.state == State.SUCCEEDED.value,
    runs.c.finished.is_not(None),
)


def live_releases(
    connection: Connection, environments: Collection[str]
) -> dict[tuple[str, str], LiveRelease]:
    """Return what is live in these environments, by host and app."""
    deploys = {
        row.id: job_of(row)
        for each in environments
        # each by itself: one that is busy hides nothing of another
        for row in connection.execute(_NEWEST, {"environment": each})
    }
    rows = [
        row
        for some in chunks(deploys)
        for row in connection.execute(_SUCCEEDED, {"ids": some})
        if isinstance(row.facts, dict) and "release" in row.facts
    ]
    found: dict[tuple[str, str], LiveRelease] = {}
    for row in sorted(rows, key=lambda row: deploys[row.job].asked):
        job = deploys[row.job]
        ref, commit, release = (
            str(row.facts.get(name) or "") for name in ("ref", "commit", "release")
        )
        app = job.app or ""
        found[row.host, app] = LiveRelease(row.host, app, ref, commit, release, job, row.finished)
    return found


def deploys(connection: Connection, app: str, environment: str) -> list[JobWithRuns]:
    """Return the last jobs of an app in an environment some run of which tells its release, or that
    are like one that does, newest first, with their runs."""
    values = {"app": app, "environment": environment}
    names = list(connection.execute(_OF_APP, values).scalars())
    found = several(connection, names)
    newest = [found[name] for name in names if name in found]
    kinds = {job.command for job, runs in newest if any("release" in run.facts for run in runs)}
    return [(job, runs) for job, runs in newest if job.command in kinds]
