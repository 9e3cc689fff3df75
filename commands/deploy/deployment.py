"""A deploy has an order on one server, and a rollback.

fetch -> shared files -> steps -> switch -> restart -> health -> prune. Until the switch nothing
that is live is touched. From the switch on, whatever goes wrong leads back to the previous release.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from baton.errors import Failed, Refused
from baton.run import Run
from commands.deploy import source
from commands.deploy.archive import Archive
from commands.deploy.command import Deploy
from commands.deploy.lock import DeployLock
from commands.deploy.refs import SHA256, obeyed
from commands.deploy.releases import Releases, cannot
from commands.deploy.settings import AppSettings
from commands.deploy.steps import Steps
from commands.deploy.switch import BACK, Live, Switch

log = structlog.get_logger(__name__)


class Deployment:
    """A deployment is one deploy of one app, on this server."""

    def __init__(
        self,
        run: Run[Deploy],
        settings: AppSettings,
        lock: DeployLock,
        clock: Callable[[], datetime],
        pinned: str = "",
    ) -> None:
        """`pinned` is the commit, or the checksum of the archive, that was approved."""
        command = run.command
        self.run = run
        self.settings = settings
        self.lock = lock
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
        self.steps = Steps(run, settings, lock, values, total)
        self.mirror: source.GitMirror | None = None
        if settings.repository is not None:
            self.mirror = source.GitMirror(settings.path / "repo", settings.repository, self.steps)
        self.archive: Archive | None = None
        if settings.archive is not None:
            file = settings.path / "archive.part"
            self.archive = Archive(file, settings.archive, self.steps)
        self.switch = Switch(run, settings, lock, self.releases, self.steps)
        self._sha256 = ""
        self._clock = clock
        self._pinned = pinned

    async def carry_out(self) -> None:
        """Do all of it. Raises Failed with what happened and what is live now, Refused if nothing
        was touched.

        What its programs have left running when it fails is ended.
        """
        async with self.switch.ended_if_it_fails():
            await self._carry_out()

    async def _carry_out(self) -> None:
        self._harmless()
        self.releases.prepare()
        await self.switch.clean_up()
        left = await self._prune()
        if left:
            self.run.notify_info(left, step="prune")
        release = await self._built()
        previous = Live.now(self.releases)
        self.releases.note_before(release.name)
        try:
            await self.switch.to(release, previous)
        except BaseException:
            self._set_aside(release)
            raise
        self.lock.note(release="")
        await self._told(release, previous)
        await self._pack()

    async def _told(self, release: Path, previous: Live) -> None:
        """Report that `release` is live. It is too late to cancel now."""
        try:
            await self.switch.name_left()
            left = await self._prune()
        except asyncio.CancelledError:
            left = ""
        commit = self.releases.commit_of(release.name)
        ref = "" if self.ref == source.DEFAULT else self.ref
        version = ref or commit[:8] or self.run.command.app
        if ref and commit[:8] not in ("", ref[:8].lower()):
            version = f"{ref} ({commit[:8]})"
        self.run.notify_success(
            f"{version} is live; {left}" if left else f"{version} is live",
            ref=ref,
            release=release.name,
            commit=commit,
            previous=previous.name,
            **({"sha256": self._sha256} if self._sha256 else {}),
        )

    def _harmless(self) -> None:
        """Raise Refused if a configured program would have a shell interpret what is in the ref."""
        programs = [("fetch", self.settings.fetch or ()), ("restart", self.settings.restart or ())]
        for label, argv in (*programs, *((step.label, step.run) for step in self.settings.steps)):
            if obeyed(self.ref, argv):
                raise Refused(
                    f"The ref {self.ref} has characters that a shell interprets, and {label} may"
                    " pass it to one: deploy its commit, or rename it."
                )

    async def _built(self) -> Path:
        """Return a release that is ready to go live. One that fails is set aside, to look into."""
        what = "the default version" if self.ref == source.DEFAULT else self.ref
        self.steps.begin(source.STEP, f"fetching {what}")
        commit = await self._found()
        release = self.releases.create(self.ref, self._clock())
        self.lock.note(release=release.name)
        self.steps.values["release"] = str(release)
        try:
            if self.mirror is not None:
                await self.mirror.write(commit, release)
                self.releases.revision(release, commit)
            elif self.archive is not None:
                await self.archive.write(release)
            elif self.settings.fetch is not None:
                await self.steps.program(source.STEP, self.settings.fetch, release)
            self.releases.share(release, self.settings.shared)
            for step in self.settings.steps:
                self.steps.begin(step.label, step.label)
                limit = step.limit(self.settings.step_limit)
                await self.steps.program(step.label, step.run, release, limit)
        except BaseException:
            self._set_aside(release)
            raise
        return release

    async def _found(self) -> str:
        """Return the commit to deploy, if there is a repository; no part of a release is made
        before that.

        Raises Refused if somebody asked for what does not exist, Failed if the settings did.
        """
        commit = ""
        try:
            if self.archive is not None:
                self._one_archive()
                self._sha256 = await self.archive.fetched(self.ref)
                self._approved(f"{SHA256}{self._sha256}")
            elif self.mirror is not None:
                self.ref, commit = await self.mirror.fetched(self.ref, self._pinned)
                self._approved(commit)
        except source.NoSuchRef as error:
            text = self.steps.secrets.mask(str(error))
            if self._pinned:
                raise Refused(
                    f"The commit that was approved is not there any more: {text}"
                ) from None
            raise (Failed if self.run.command.ref is None else Refused)(text) from None
        if self.mirror is None:
            return ""
        self.steps.values |= {"ref": self.ref, "commit": commit}
        self._harmless()  # the default branch may be called anything
        return commit

    def _approved(self, found: str) -> None:
        """Raise Refused if `found` is not the commit, or the checksum, that was approved."""
        if self._pinned and found != self._pinned:
            if self.archive is not None:
                self.archive.forget()
            raise Refused(
                f"It is not what was approved: {self._pinned[:19]}, but {self.ref} is {found[:19]}."
                " Nothing was changed. Ask for it again."
            )

    def _one_archive(self) -> None:
        """Raise Refused if the ref and the address of the archive do not say which one it is."""
        assert self.settings.archive is not None
        by_ref, app = self.settings.archive.by_ref, self.run.command.app
        if by_ref and self.ref == source.DEFAULT:
            raise Refused(f"Choose a version with --ref, or set ref in [deploy.{app}].")
        if not by_ref and self.run.command.ref is not None:
            raise Refused(f"{app} has one archive here, whatever the version: leave out --ref.")

    def _set_aside(self, release: Path) -> None:
        try:
            self.releases.set_aside(release.name)
        except OSError as error:
            self.run.notify_info(cannot(error, release), step=BACK)
        else:
            self.lock.note(release="")

    async def _pack(self) -> None:
        """Keep the mirror small, at the very end: it is a cache, so a failure does not harm the
        deploy."""
        if self.mirror is not None:
            try:
                await self.mirror.pack()
            except (Failed, OSError) as error:
                log.warning(
                    "git gc failed", repository=f"{self.settings.path}/repo", reason=str(error)
                )

    async def _prune(self) -> str:
        """Remove old releases; return what could not be removed, for people."""
        try:
            problems = await asyncio.to_thread(self.releases.prune, self.settings.keep)
        except OSError as error:
            problems = [error]
        if not problems:
            return ""
        number = "an old release" if len(problems) == 1 else f"{len(problems)} old releases"
        return f"{number} could not be removed: {cannot(problems[0], self.releases.path)}"
