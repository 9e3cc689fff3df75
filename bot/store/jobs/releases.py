"""Which release of an app each server reported last: what a deploy that succeeded left there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from baton.bus.messages import State
from bot.store.tables.job_tables import jobs, runs

MAX_RUNS = 2_000
"""Runs that are looked through, the newest first: what was deployed before them is not shown."""


@dataclass(frozen=True, slots=True)
class LiveRelease:
    """What is live of `app` on `host`, since `job` put it there. `release` is the name of its
    folder; `ref` is empty for the default branch, `commit` if it is not of git."""

    host: str
    app: str
    ref: str
    commit: str
    release: str
    job: str
    since: datetime

    @property
    def label(self) -> str:
        """What people call it: `v2 (1a2b3c4d)`."""
        commit = self.commit[:8]
        if self.ref and commit and not self.ref.startswith(commit):
            return f"{self.ref} ({commit})"
        return self.ref or commit or self.release


_NEWEST = (
    select(runs.c.host, runs.c.facts, runs.c.finished, jobs.c.app, jobs.c.id)
    .join(jobs, jobs.c.id == runs.c.job)
    .where(jobs.c.app.is_not(None), runs.c.state == State.SUCCEEDED.value)
    .order_by(jobs.c.asked.desc())
    .limit(MAX_RUNS)
)


def live_releases(connection: Connection) -> dict[tuple[str, str], LiveRelease]:
    """Return what is live, by host and app."""
    found: dict[tuple[str, str], LiveRelease] = {}
    for row in connection.execute(_NEWEST):
        facts = row.facts if isinstance(row.facts, dict) else {}
        place = (row.host, row.app)
        if place in found or "release" not in facts or row.finished is None:
            continue
        ref, commit, release = (str(facts.get(name) or "") for name in ("ref", "commit", "release"))
        found[place] = LiveRelease(row.host, row.app, ref, commit, release, row.id, row.finished)
    return found
