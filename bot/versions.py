"""Which version of an app each server runs, which it should run, and why it does not. Pure.

What is live is what the agents see on their disks, not what was asked. What is wanted is what the
latest deploy that succeeded somewhere has brought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from baton.bus.facts import Facts, ReleaseFacts
from baton.bus.messages import State
from baton.command import KnownServer
from baton.outcome import duration
from bot.jobs import Job, RunRecord, last_attempts, short_id

Deployed = tuple[Job, Sequence[RunRecord]]
"""A job that deployed an app, and its runs."""


@dataclass(frozen=True, slots=True)
class Version:
    """What is live of an app on `host`. `why` is empty if it is what is wanted, or if nobody knows
    what is; else why it is another one."""

    host: str
    live: ReleaseFacts | None
    wanted: str
    why: str

    @property
    def label(self) -> str:
        """What people call it; empty if nothing of ours is live."""
        return self.live.version if self.live else ""


def versions(servers: Sequence[KnownServer], app: str, jobs: Sequence[Deployed]) -> list[Version]:
    """Return what is live of `app` on each of `servers` that has it; `jobs` are those that deployed
    it there, the newest first."""
    wanted = next((one for one in jobs if _succeeded(one[1])), None)
    return [_version(one, app, jobs, wanted) for one in servers if _has(one.facts, app)]


@dataclass(frozen=True, slots=True)
class Drift:
    """What is live of `app` on a server, compared with what the last deploy there put live. `text`
    says what is wrong; it is empty if they are the same."""

    host: str
    environment: str
    app: str
    text: str


class PutLive(Protocol):
    """What the last deploy that succeeded on a server put live."""

    @property
    def release(self) -> str:
        """The name of the release."""

    @property
    def label(self) -> str:
        """What people call it."""

    @property
    def job(self) -> Job:
        """The job that did it."""


def drifts(
    servers: Sequence[KnownServer], put_live: Mapping[tuple[str, str], PutLive]
) -> list[Drift]:
    """Return how what is live compares with what was `put_live`, by host and app, on each of
    `servers` that is seen and tells it."""
    return [
        Drift(one.facts.host, one.facts.environment, app, _drift(one.facts, app, last))
        for one in servers
        if not one.missing and one.facts.releases
        for app in one.facts.apps
        if (last := put_live.get((one.facts.host, app))) is not None
    ]


def _drift(facts: Facts, app: str, last: PutLive) -> str:
    live = facts.releases.get(app)
    if live is not None and live.release == last.release:
        return ""
    now = f"{live.version} is live" if live is not None else "no release is live"
    return f"{now}, but {last.job.title} ({short_id(last.job.id)}) had put {last.label} there"


def _has(facts: Facts, app: str) -> bool:
    return app in facts.releases or app in facts.apps


def _version(
    seen: KnownServer, app: str, jobs: Sequence[Deployed], wanted: Deployed | None
) -> Version:
    host, live = seen.facts.host, seen.facts.releases.get(app)
    if wanted is None:
        return Version(host, live, "", "")
    runs = _succeeded(wanted[1])
    own = next((run for run in runs if run.host == host), runs[0])
    name, commit = (str(own.facts.get(key) or "") for key in ("release", "commit"))
    should = ReleaseFacts(release=name, commit=commit).version
    if live is not None and _same(live, own, host, commit):
        return Version(host, live, should, "")
    return Version(host, live, should, _why(seen, app, live, jobs))


def _same(live: ReleaseFacts, own: RunRecord, host: str, commit: str) -> bool:
    """Return whether `live` is what `own` brought: by its commit, or on its own server by the name
    of the release."""
    if commit:
        return live.commit == commit
    return own.host != host or live.release == own.facts.get("release")


def _why(seen: KnownServer, app: str, live: ReleaseFacts | None, jobs: Sequence[Deployed]) -> str:
    silent = f"; no heartbeat for {duration(seen.silent)}" if seen.missing else ""
    if app not in seen.facts.releases and "deploy" not in seen.facts.commands:
        return f"its agent deploys nothing{silent}"
    for job, runs in jobs:
        run = next((one for one in last_attempts(runs) if one.host == seen.facts.host), None)
        if run is None:
            continue
        what = f"{job.title} ({short_id(job.id)})"
        if not run.state.final:
            return f"{what} is {run.state.value} there{silent}"
        if run.state is not State.SUCCEEDED:
            said = f": {run.text}" if run.text else ""
            return f"{what} {run.state.value} there{said}{silent}"
        if live is None:
            return f"{what} succeeded there, and nothing is live now: changed by hand{silent}"
        if live.release != run.facts.get("release"):
            return f"changed by hand after {what}{silent}"
        return f"the latest deploy was not for it{silent}"
    return f"never deployed there{silent}"


def _succeeded(runs: Sequence[RunRecord]) -> list[RunRecord]:
    found = [run for run in last_attempts(runs) if run.state is State.SUCCEEDED]
    return [run for run in found if "release" in run.facts]
