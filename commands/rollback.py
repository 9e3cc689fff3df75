"""`/rollback APP ENV` makes an earlier release live again, on each server that has one.

Nothing is fetched and no step runs: the release is still there, as it was. It is switched to,
restarted and checked as by a deploy, by the same settings (`[deploy.shop]`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.facts import ReleaseFacts
from baton.bus.messages import State
from baton.bus.plans import SurveyFacts
from baton.command import Command
from baton.consumer import Extension
from baton.errors import Failed, Refused
from baton.fields import Host, Name
from baton.outcome import Outcome, RunReport, counted, named
from baton.run import Run
from commands.deploy.app_consumer import AppConsumer
from commands.deploy.lock import DeployLock, LockNote, deploy_lock
from commands.deploy.releases import ReleaseName, Releases, cannot, ref_in
from commands.deploy.settings import AppSettings
from commands.deploy.steps import Steps
from commands.deploy.survey import label, settings_digest
from commands.deploy.switch import Live, Switch


class Rollback(Command):
    """Go back to an earlier release of an app.

    Each server switches to the release before the one that is live there, restarts the app and
    checks that it is healthy. If it is not, the server returns to what was live. What a step of the
    deploy changed elsewhere, such as a database, is not taken back.
    """

    name: ClassVar[str] = "rollback"
    example: ClassVar[str] = "/rollback shop prod"
    timeout: ClassVar[float] = 3600.0
    surveys: ClassVar[bool] = True

    app: Name = Field(description="the app to roll back")
    environment: Name = Field(description="the environment, such as prod")
    release: ReleaseName | None = Field(
        None, description="a release by the name of its folder (default: the one before)"
    )
    host: Host | None = Field(None, description="this server only")

    @override
    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """Return `back on v1 on 3 of 3`, or which versions are live where they differ."""
        live = [run for run in runs if run.state is State.SUCCEEDED]
        if not runs or len(live) < len(runs):
            return counted(runs)
        by_version: dict[str, list[str]] = {}
        for run in live:
            by_version.setdefault(str(run.facts.get("version") or "unknown"), []).append(run.host)
        if len(by_version) == 1:
            return Outcome(f"back on {next(iter(by_version))} on {len(live)} of {len(runs)}")
        parts = [f"{version} on {named(hosts, 5)}" for version, hosts in by_version.items()]
        return Outcome(f"back on {'; '.join(parts)}")


class RollbackConsumer(AppConsumer[Rollback]):
    """The consumer rolls back the apps that this server deploys."""

    command: ClassVar[type[Command]] = Rollback

    @override
    async def survey(self, command: Rollback) -> SurveyFacts:
        """Return to which release it would go back, and what is live. Raises Refused."""
        settings = self.settings_of(command)
        releases = Releases(settings.path)
        found = await asyncio.to_thread(_target, command, releases)
        return SurveyFacts(
            commit=found.commit or found.release,
            live=label(found.live, found.live_commit),
            settings=settings_digest(settings),
        )

    @override
    async def process_message(self, run: Run[Rollback]) -> None:
        """Roll back. Raises Refused if there is nothing to go back to, or Failed with what is live
        now."""
        command = run.command
        settings = self.settings_of(command)
        approved = self.approved(run, settings)
        if not settings.path.is_dir():
            raise Refused(f"{command.app} was never deployed to this server.")
        note = LockNote(
            job=run.request.job,
            requester=run.request.requester.label,
            what=f"a rollback of {command.app}",
            since=f"{self._clock():%H:%M:%S} UTC",
        )
        try:
            with deploy_lock(settings.path, note) as lock:
                await _roll_back(run, settings, lock, approved)
        except OSError as error:
            raise Failed(cannot(error, settings.path)) from error


async def _roll_back(
    run: Run[Rollback], settings: AppSettings, lock: DeployLock, approved: SurveyFacts | None
) -> None:
    releases = Releases(settings.path)
    values = {"app": run.command.app, "environment": run.command.environment, "host": run.host}
    total = 1 + (settings.restart is not None) + (settings.health is not None)
    steps = Steps(run, settings, lock, values, total)
    switch = Switch(run, settings, lock, releases, steps)
    async with switch.ended_if_it_fails():
        releases.prepare()
        await switch.clean_up()
        previous = Live.now(releases)
        found = _target(run.command, releases)
        name, commit = found.release, found.commit
        if approved is not None and approved.commit != (commit or name):
            raise Refused(f"It would go back to {name}, which is not what was approved.")
        release = releases.folder / name
        steps.values |= {"commit": commit, "ref": ref_in(name), "release": str(release)}
        await switch.to(release, previous)
        await switch.name_left()
    version = ReleaseFacts(release=name, commit=commit).version
    run.notify_success(
        f"{version} is live again",
        release=name,
        commit=commit,
        version=version,
        previous=previous.name,
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """The release to go back to, and the one that is live."""

    release: str
    commit: str
    live: str
    live_commit: str


def _target(command: Rollback, releases: Releases) -> _Target:
    name, live = _chosen(command, releases), releases.current() or ""
    return _Target(name, releases.commit_of(name), live, releases.commit_of(live) if live else "")


def _chosen(command: Rollback, releases: Releases) -> str:
    """Return the release to go to. Raises Refused if there is none."""
    good, live = releases.good(), releases.current()
    wanted = command.release
    if wanted is None:
        if live is None:
            raise Refused(
                f"What is live is no release of Baton: choose one with --release. {_there(good)}"
            )
        wanted = releases.before(live)
        if not wanted:
            raise Refused(f"There is no release before {live} on this server. {_there(good)}")
    if wanted not in good:
        raise Refused(f"There is no release {wanted} on this server. {_there(good)}")
    if wanted == live:
        raise Refused(f"{wanted} is live already.")
    return wanted


def _there(good: Sequence[str]) -> str:
    return f"It has {named(good[::-1], 5)}." if good else "It has no release."


extension = Extension(Rollback, RollbackConsumer)
