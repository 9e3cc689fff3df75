"""A deploy has an order on one server, and a rollback.

fetch -> shared files -> steps -> switch -> restart -> health -> prune. Until the switch nothing
that is live is touched. From the switch on, whatever goes wrong leads back to the previous release.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from baton.errors import Failed, Refused
from baton.outcome import named
from baton.process.leftovers import Running, Trail, end, running
from baton.run import Run
from commands.deploy import health_check, source
from commands.deploy.archive import Archive
from commands.deploy.command import Deploy
from commands.deploy.lock import DeployLock
from commands.deploy.refs import obeyed
from commands.deploy.releases import Releases, cannot, commit_in
from commands.deploy.settings import AppSettings
from commands.deploy.steps import Steps

log = structlog.get_logger(__name__)

BACK = "back"
RESTART = "restart"
CLEAN_UP = "clean up"


class Deployment:
    """A deployment is one deploy of one app, on this server."""

    def __init__(
        self,
        run: Run[Deploy],
        settings: AppSettings,
        lock: DeployLock,
        clock: Callable[[], datetime],
    ) -> None:
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
        self._sha256 = ""
        self._clock = clock
        self._left = ""

    async def carry_out(self) -> None:
        """Do all of it. Raises Failed with what happened and what is live now, Refused if nothing
        was touched.

        What its programs have left running when it fails is ended.
        """
        try:
            await self._carry_out()
        except BaseException as error:
            await self._end_left()
            if not self._left:
                raise
            raise Failed(f"{error}; {self._left}" if str(error) else self._left) from error

    async def _carry_out(self) -> None:
        self._harmless()
        self.releases.prepare()
        await self._clean_up()
        left = await self._prune()
        if left:
            self.run.notify_info(left, step="prune")
        release = await self._built()
        previous = Live.now(self.releases)
        await self._go_live(release, previous)
        await self._told(release, previous)
        await self._pack()

    async def _told(self, release: Path, previous: Live) -> None:
        """Report that `release` is live. It is too late to cancel now."""
        try:
            await self._name_left()
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

    async def _clean_up(self) -> None:
        left = self.lock.left
        if left is None:
            return
        trail = left.trail()
        trails = [] if trail is None else [trail]
        if left.left:
            trails.append(Trail("", [], left.left))
        if await asyncio.to_thread(running, trails):
            self.run.notify_info("stopping what an earlier deploy left running", step=CLEAN_UP)
        still = await end(trails, self.settings.grace)
        self.lock.note(left=tuple(still))
        if still:
            text = _still(still, "of an earlier deploy ")
            raise Refused(f"One deploy at a time: {text}: stop it, then deploy again.")
        if left.release and left.release != self.releases.current():
            self.run.notify_info(f"removing {left.release}, which was interrupted", step=CLEAN_UP)
            await asyncio.to_thread(self.releases.remove, left.release)

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
            elif self.mirror is not None:
                self.ref, commit = await self.mirror.fetched(self.ref)
        except source.NoSuchRef as error:
            text = self.steps.secrets.mask(str(error))
            raise (Failed if self.run.command.ref is None else Refused)(text) from None
        if self.mirror is None:
            return ""
        self.steps.values |= {"ref": self.ref, "commit": commit}
        self._harmless()  # the default branch may be called anything
        return commit

    def _one_archive(self) -> None:
        """Raise Refused if the ref and the address of the archive do not say which one it is."""
        assert self.settings.archive is not None
        by_ref, app = self.settings.archive.by_ref, self.run.command.app
        if by_ref and self.ref == source.DEFAULT:
            raise Refused(f"Choose a version with --ref, or set ref in [deploy.{app}].")
        if not by_ref and self.run.command.ref is not None:
            raise Refused(f"{app} has one archive here, whatever the version: leave out --ref.")

    async def _go_live(self, release: Path, previous: Live) -> None:
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
        self.lock.note(release="")

    async def _begin_serving(self, release: Path) -> None:
        if self.settings.restart is not None:
            self.steps.begin(RESTART, "restarting")
            await self.steps.program(RESTART, self.settings.restart, release)
        if self.settings.health is not None:
            self.steps.begin(health_check.STEP, "checking its health")
            wrong = await health_check.problem(self.settings.health, self.steps, release)
            if wrong:
                raise Failed(wrong)

    async def _go_back(self, previous: Live, check: bool = True) -> str:
        """Make the previous release live again; return the result, for people."""
        if self.releases.pointer() == previous.pointer:
            if not previous.name:
                return "nothing was switched; no release is live"
            return f"{previous.name} is live, as before"
        try:
            self.releases.point(previous.pointer)
        except OSError as error:
            why = cannot(error, self.releases.path)
            if not previous.name:
                return f"the new release is still live: it could not be taken out of use: {why}"
            return f"the new release is still live: {previous.name} could not be restored: {why}"
        await self._end_left()
        return await self._serve_again(previous, check)

    async def _serve_again(self, previous: Live, check: bool) -> str:
        """Restart and check what `current` points to again; return the result, for people."""
        if previous.pointer is None:
            return "there was no release before, so none is live now"
        if previous.folder is None:
            return (
                f"`current` points to {previous.name} again; that folder did not exist before the"
                " deploy either"
            )
        self.steps.values["release"] = str(previous.folder)
        self.steps.values["commit"] = commit_in(previous.folder)
        self.run.notify_info(f"rolling back to {previous.name}", step=BACK)
        try:
            if self.settings.restart is not None:
                await self.steps.program(RESTART, self.settings.restart, previous.folder)
            if check and self.settings.health is not None:
                wrong = await health_check.problem(
                    self.settings.health, self.steps, previous.folder
                )
                if wrong:
                    return f"rolled back to {previous.name}, which is unhealthy too: {wrong}"
        except Failed as error:
            return f"rolled back to {previous.name}, but {error}"
        finally:
            self.steps.trails.clear()  # what it has started is live, and is not ours to end
        return f"rolled back to {previous.name}"

    def _set_aside(self, release: Path) -> None:
        try:
            self.releases.set_aside(release.name)
        except OSError as error:
            self.run.notify_info(cannot(error, release), step=BACK)
        else:
            self.lock.note(release="")

    async def _end_left(self) -> None:
        """End what the programs so far have left running.

        What could not be ended is reported, and noted for the next deploy, which must not begin
        beside it.
        """
        still = await end(list(self.steps.trails.values()), self.settings.grace)
        self.steps.trails.clear()
        if still:
            self.lock.note(left=tuple(still))
            self._left = f"{_still(still)}: stop it yourself, no deploy starts until it has ended"

    async def _name_left(self) -> None:
        """Report what the steps of a deploy that succeeded have left running.

        It is not ended: it may be there by intent; what `restart` has left is the app itself.
        """
        mine = [trail for step, trail in self.steps.trails.items() if step != RESTART]
        self.steps.trails.clear()
        left = await asyncio.to_thread(running, mine)
        if left:
            self.run.notify_info(f"{_still(left)}: a step left it running", step=CLEAN_UP)

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


def _still(left: Sequence[Running], whose: str = "") -> str:
    """`still running: sleep (pid 12, user root)`."""
    return f"still running {whose}".rstrip() + f": {named([str(one) for one in left])}"


@dataclass(frozen=True, slots=True)
class Live:
    """This is what was live: what `current` held, the folder to which that points, and its name.

    All are None if there was no `current`; there is no folder if it pointed to nothing.
    """

    pointer: str | None
    folder: Path | None
    name: str | None

    @classmethod
    def now(cls, releases: Releases) -> Live:
        """Return what is live now."""
        pointer = releases.pointer()
        return cls(pointer, releases.served(), releases.current() or pointer)
