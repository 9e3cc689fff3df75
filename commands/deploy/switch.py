"""The switch from one release to another, and back if the new one does not serve.

switch -> restart -> health. Whatever goes wrong leads back to what was live before, whoever had put
it there. What the programs of a deploy or a rollback leave running is ended if it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton.errors import Failed, Refused
from baton.outcome import named
from baton.process.leftovers import Running, Trail, end, running
from baton.run import Run
from commands.deploy import health_check
from commands.deploy.lock import DeployLock
from commands.deploy.releases import Releases, cannot, commit_in, ref_in
from commands.deploy.settings import AppSettings
from commands.deploy.steps import Steps

BACK = "back"
RESTART = "restart"
CLEAN_UP = "clean up"


class Switch:
    """Switches an app on this server, in the course of `run`."""

    def __init__(
        self,
        run: Run[Any],
        settings: AppSettings,
        lock: DeployLock,
        releases: Releases,
        steps: Steps,
    ) -> None:
        self.run = run
        self.settings = settings
        self.lock = lock
        self.releases = releases
        self.steps = steps
        self._left = ""

    @contextlib.asynccontextmanager
    async def ended_if_it_fails(self) -> AsyncIterator[None]:
        """End what the programs have left running if what is done in here fails. Raises Failed with
        what could not be ended."""
        try:
            yield
        except BaseException as error:
            await self._end_left()
            if not self._left:
                raise
            raise Failed(f"{error}; {self._left}" if str(error) else self._left) from error

    async def clean_up(self) -> None:
        """End what an interrupted deploy has left, and remove its release. Raises Refused if
        something of it still runs."""
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
            raise Refused(f"One at a time: {text}: stop it, then try again.")
        if left.release and left.release != self.releases.current():
            self.run.notify_info(f"removing {left.release}, which was interrupted", step=CLEAN_UP)
            await asyncio.to_thread(self.releases.remove, left.release)

    async def to(self, release: Path, previous: Live) -> None:
        """Make `release` live. Raises Failed once `previous` is live again, with that in words; so
        it is too if this is cancelled."""
        try:
            self.steps.begin("switch", f"switching to {release.name}")
            self.releases.activate(release.name)
            await self._begin_serving(release)
        except (Failed, OSError) as error:
            went_back = await self._go_back(previous)
            reason = cannot(error, release) if isinstance(error, OSError) else str(error)
            raise Failed(f"{reason}; {went_back}") from error
        except BaseException:
            self.run.notify_info(await self._go_back(previous, check=False), step=BACK)
            raise

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
                f"`current` points to {previous.name} again; that folder did not exist"
                " before either"
            )
        self.steps.values["release"] = str(previous.folder)
        self.steps.values["commit"] = commit_in(previous.folder)
        if previous.name:
            self.steps.values["ref"] = ref_in(previous.name)
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

    async def name_left(self) -> None:
        """Report what the steps of a deploy that succeeded have left running.

        It is not ended: it may be there by intent; what `restart` has left is the app itself.
        """
        with contextlib.suppress(asyncio.CancelledError):  # too late: the release is live
            await self._name_left()

    async def _name_left(self) -> None:
        mine = [trail for step, trail in self.steps.trails.items() if step != RESTART]
        self.steps.trails.clear()
        left = await asyncio.to_thread(running, mine)
        if left:
            self.run.notify_info(f"{_still(left)}: a step left it running", step=CLEAN_UP)


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
