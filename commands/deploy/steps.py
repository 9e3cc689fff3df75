"""Steps run the programs of an app's configuration, and pass on their output."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baton.bus.messages import new_id
from baton.errors import Failed
from baton.process.leftovers import Trail, birth
from baton.process.output_lines import Secrets
from baton.process.program import Ended, Program, execute
from baton.run import Run
from commands.deploy.lock import DeployLock
from commands.deploy.settings import AppSettings, Limit, filled


@dataclass
class Steps:
    """The steps of one deploy are counted for the progress bar. `values` fill the placeholders."""

    run: Run[Any]
    settings: AppSettings
    lock: DeployLock
    values: dict[str, str]
    total: int
    begun: int = 0
    trails: dict[str, Trail] = field(default_factory=dict)
    """What the programs have started for which this deploy answers, by step: see leftovers."""
    env: Mapping[str, str] = field(init=False)
    secrets: Secrets = field(init=False)

    def __post_init__(self) -> None:
        self.env = self.settings.variables(os.environ)
        known = set(self.values.values())
        self.secrets = Secrets(self.settings.masked(self.env, known, os.path.exists))

    def begin(self, step: str, text: str) -> None:
        """Report that the next step begins."""
        percent = min(100 * self.begun // self.total, 99)
        self.begun += 1
        self.run.notify_info(self.secrets.mask(text), step=self.secrets.mask(step), percent=percent)

    def say(self, step: str, text: str) -> None:
        """Report something within a step, as output."""
        self.run.notify_log(self.secrets.mask(text), step=self.secrets.mask(step))

    async def program(
        self, step: str, argv: tuple[str, ...], cwd: Path, limit: Limit | None = None
    ) -> None:
        """Run `argv` with its placeholders filled. Raises Failed if it does not succeed."""
        ended = await self.ended(step, argv, cwd, limit)
        if not ended.well:
            raise Failed(f"{self.secrets.mask(step)} failed: {ended}")

    async def ended(
        self, step: str, argv: tuple[str, ...], cwd: Path, limit: Limit | None = None
    ) -> Ended:
        """Return how `argv` ends with its placeholders filled.

        Raises Failed if it cannot be started or takes too long.
        """
        known = {f"BATON_{name.upper()}": value for name, value in self.values.items()}
        words = tuple(filled(word, self.values) for word in argv)
        return await self._execute(
            step, words, cwd, limit, {**known, **self.env}, lambda text: self.say(step, text)
        )

    async def ours(
        self,
        step: str,
        argv: tuple[str, ...],
        cwd: Path,
        env: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> Ended:
        """Return how `argv`, which is our own and not configured, ends; `tell` receives its
        output."""
        variables = {**self.env, **env}
        return await self._execute(step, argv, cwd, None, variables, tell, whole_lines=True)

    async def _execute(
        self,
        step: str,
        argv: tuple[str, ...],
        cwd: Path,
        limit: Limit | None,
        env: Mapping[str, str],
        tell: Callable[[str], None],
        whole_lines: bool = False,
    ) -> Ended:
        limit = limit or self.settings.step_limit
        trail = self.trails.setdefault(step, Trail(new_id(), owner=self))
        # noted before it starts: we may die before its id is known
        self.lock.note(group=0, born="", mark=trail.mark)
        program = Program(
            argv,
            cwd,
            env=env,
            timeout=limit.seconds,
            limit=limit.setting,
            grace=self.settings.grace,
            secrets=self.secrets,
            whole_lines=whole_lines,
        )
        try:
            ended = await execute(
                program, tell, trail, lambda pid: self.lock.note(group=pid, born=birth(pid))
            )
        except Failed as error:
            raise Failed(f"{self.secrets.mask(step)} failed: {error}") from error
        # what it has left in the background by intent is nobody's to end if we die now
        self.lock.note(group=0, born="", mark="")
        return ended
