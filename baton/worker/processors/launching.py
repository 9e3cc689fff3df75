"""How runners start programs: in a folder, with few variables, within limits, and masked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from baton.errors import SettingsError
from baton.process.output_lines import Secrets
from baton.process.program import Ended, Program, environment, execute
from baton.process.secret_names import is_secret_name
from baton.worker.processors.limits import Limits
from baton.worker.settings import RunnerSettings, unused

LIMITS = ("memory", "cpu", "files", "scope")
"""Settings that hold for a process, and not for a part of one."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher starts what one runner runs."""

    folder: Path
    variables: Mapping[str, str]
    secrets: Secrets
    limits: Limits

    @classmethod
    def of(cls, settings: RunnerSettings, environ: Mapping[str, str] = os.environ) -> Launcher:
        """Return the launcher of a runner. Raises SettingsError if its limits cannot be held."""
        variables = {name: environ[name] for name in settings.pass_env if name in environ}
        return cls(
            settings.folder or Path.cwd(),
            variables,
            secrets_of(settings, environ),
            Limits.of(settings),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the whole environment of what it starts."""
        return environment(self.variables)

    async def run(
        self,
        argv: tuple[str, ...],
        tell: Callable[[str], None],
        *,
        passed: tuple[int, ...] = (),
        variables: Mapping[str, str] | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Run `argv` to its end; `started` is called once its limits are set. Raises Failed if it
        cannot be started. When cancelled, it and all that it started are ended."""
        program = Program(
            (*self.limits.scope, *argv),
            self.folder,
            env={**self.variables, **(variables or {})},
            timeout=None,  # the runner has one, whatever it runs
            secrets=self.secrets,
            passed=passed,
        )

        def limit(pid: int) -> None:
            self.limits.apply(pid)
            started()

        return await execute(program, tell, started=limit)


def refuse_unused(settings: RunnerSettings, names: Iterable[str], what: str) -> None:
    """Raise SettingsError if one of the settings `names` is given, which `what` does not heed, or
    a free one that is not used: who relies on a limit must know that there is none."""
    given = [name for name in names if getattr(settings, name)]
    free = [f"settings.{name}" for name in unused(settings.processor, settings.settings)]
    for name in (*given, *free):
        raise SettingsError(
            file="worker.toml",
            key=name,
            problem=f"it has no effect on {what}",
            must="left out here",
        )


def secrets_of(settings: RunnerSettings, environ: Mapping[str, str] = os.environ) -> Secrets:
    """Return what must not be shown of what a runner prints: what is named like a password in its
    settings, and among the variables that it gets."""
    given = {name: environ[name] for name in settings.pass_env if name in environ}
    texts = {name: value for name, value in settings.settings.items() if isinstance(value, str)}
    return Secrets(value for name, value in {**given, **texts}.items() if is_secret_name(name))
