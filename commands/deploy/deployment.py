"""The order of a deploy on one server, and the way back.

fetch -> shared files -> steps -> switch -> restart -> health -> prune. Until the switch nothing
that is live is touched. From the switch on, whatever goes wrong leads back to the release before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from baton.errors import Failed
from baton.run import Run
from commands.deploy import health, source
from commands.deploy.command import Deploy
from commands.deploy.releases import Releases, cannot
from commands.deploy.settings import AppSettings
from commands.deploy.steps import Steps
from commands.deploy.underway import Underway
from commands.process import end_group

BACK = "back"


class Deployment:
    """One deploy of one app, on this server."""

    def __init__(
        self,
        run: Run[Deploy],
        settings: AppSettings,
        underway: Underway,
        clock: Callable[[], datetime],
    ) -> None:
        command = run.command
        self.run = run
        self.settings = settings
        self.underway = underway
        self.ref = command.ref or settings.ref
        self.releases = Releases(settings.path)
        values = {
            "app": command.app,
            "environment": command.environment,
            "host": run.host,
            "ref": self.ref,
        }
        after = 1 + (settings.restart is not None) + (settings.health is not None)
        total = 1 + len(settings.steps) + after
        self.steps = Steps(run, settings, underway, values, total)
        self._clock = clock

    async def carry_out(self) -> None:
        """Do it all. Raises Failed with what happened and what is live now."""
        self.releases.prepare()
        await self._clean_up()
        await self._prune()
        previous = self.releases.current()
        release = await self._built()
        await self._go_live(release, previous)
        commit = self.releases.commit_of(release.name)
        await self._prune()
        version = f"{self.ref} ({commit[:8]})" if commit[:8] not in ("", self.ref[:8]) else self.ref
        self.run.notify_success(
            f"{version} is live",
            ref=self.ref,
            release=release.name,
            commit=commit,
            previous=previous,
        )

    async def _clean_up(self) -> None:
        left = self.underway.left
        if left is None:
            return
        group = await asyncio.to_thread(left.running)
        if group:
            self.run.notify_info(
                "ending what an interrupted deploy has left running", step="clean up"
            )
            await end_group(group, self.settings.grace)
        if left.release and left.release != self.releases.current():
            self.run.notify_info(f"removing {left.release}, which was interrupted", step="clean up")
            await asyncio.to_thread(self.releases.remove, left.release)

    async def _built(self) -> Path:
        """A release that is ready to go live. One that fails is set aside, to look into."""
        release = self.releases.create(self.ref, self._clock())
        self.underway.note(release=release.name)
        self.steps.values["release"] = str(release)
        try:
            await self._fetch(release)
            self.releases.share(release, self.settings.shared)
            for step in self.settings.steps:
                self.steps.begin(step.label, step.label)
                await self.steps.program(step.label, step.run, release, step.timeout)
        except BaseException:
            self._set_aside(release)
            raise
        return release

    async def _fetch(self, release: Path) -> None:
        self.steps.begin(source.STEP, f"fetching {self.ref}")
        if self.settings.repository is not None:
            mirror = source.Mirror(
                self.settings.path / "repo", self.settings.repository, self.steps
            )
            await mirror.update()
            commit = await mirror.resolve(self.ref)
            self.steps.values["commit"] = commit
            await mirror.write(commit, release)
        elif self.settings.fetch is not None:
            await self.steps.program(source.STEP, self.settings.fetch, release)

    async def _go_live(self, release: Path, previous: str | None) -> None:
        try:
            self.steps.begin("switch", f"switching to {release.name}")
            self.releases.activate(release.name)
            await self._begin_serving(release)
        except (Failed, OSError) as error:
            went_back = await self._go_back(previous)
            self._set_aside(release)
            reason = cannot(error, release) if isinstance(error, OSError) else str(error)
            raise Failed(f"{reason}; {went_back}") from error
        except BaseException:
            self.run.notify_info(await self._go_back(previous, check=False), step=BACK)
            self._set_aside(release)
            raise
        self.underway.note(release="")

    async def _begin_serving(self, release: Path) -> None:
        if self.settings.restart is not None:
            self.steps.begin("restart", "restarting")
            await self.steps.program("restart", self.settings.restart, release)
        if self.settings.health is not None:
            self.steps.begin(health.STEP, "checking its health")
            wrong = await health.problem(self.settings.health, self.steps, release)
            if wrong:
                raise Failed(wrong)

    async def _go_back(self, previous: str | None, check: bool = True) -> str:
        """Have the release before live again; what came of it, for people."""
        if self.releases.current() == previous:
            return f"{previous or 'none'} is live, as before"
        try:
            if previous is None:
                self.releases.deactivate()
                return "there was no release before, so none is live now"
            self.releases.activate(previous)
        except OSError as error:
            why = cannot(error, self.releases.path)
            return f"it is still live, for {previous or 'none'} could not be made live again: {why}"
        release = self.releases.folder / previous
        self.steps.values["release"] = str(release)
        self.steps.values["commit"] = self.releases.commit_of(previous)
        self.run.notify_info(f"going back to {previous}", step=BACK)
        try:
            if self.settings.restart is not None:
                await self.steps.program("restart", self.settings.restart, release)
            if check and self.settings.health is not None:
                wrong = await health.problem(self.settings.health, self.steps, release)
                if wrong:
                    return f"went back to {previous}, which is not well either: {wrong}"
        except Failed as error:
            return f"went back to {previous}, but {error}"
        return f"went back to {previous}"

    def _set_aside(self, release: Path) -> None:
        try:
            self.releases.set_aside(release.name)
        except OSError as error:
            self.run.notify_info(cannot(error, release), step=BACK)
        else:
            self.underway.note(release="")

    async def _prune(self) -> None:
        try:
            await asyncio.to_thread(self.releases.prune, self.settings.keep)
        except OSError as error:
            why = cannot(error, self.releases.path)
            self.run.notify_info(f"old releases could not be removed: {why}", step="prune")
