"""`shell!html2pdf %ID.pdf` runs a program. Despite its name no shell is involved: see
placeholders.py."""

from __future__ import annotations

import os
from pathlib import Path

from typing_extensions import override

from baton.errors import Blocked, Failed, SettingsError
from baton.worker.processors.launching import Launcher, refuse_unused
from baton.worker.processors.placeholders import Template
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.requests import values_of
from baton.worker.settings import USED, RunnerSettings
from baton.worker.work import Result, Work

_OF_ARTIFACTS = ("artifacts_from", "artifacts_url")


class ShellProcessor(Processor):
    """Runs a program once for each job. `artifacts` are the files that it makes, relative to its
    folder or absolute."""

    def __init__(self, command: Template, artifacts: Template, launcher: Launcher) -> None:
        self._command = command
        self._artifacts = artifacts
        self._launcher = launcher

    @override
    async def run(self, work: Work, output: Output) -> Result:
        values = values_of(work)
        argv, artifacts = self._command.filled(values), self._artifacts.filled(values)
        ended = await self._launcher.run(argv, output.log)
        if ended.code == os.EX_TEMPFAIL:
            raise Blocked(ended.last or f"{argv[0]} ended with exit code {ended.code}")
        if not ended.well:
            raise Failed(f"{ended}{self._launcher.limits.explain(ended)}")
        return Result(tuple(str(Path(self._launcher.folder, path)) for path in artifacts))


def factory(settings: RunnerSettings, arguments: str) -> Processor:
    """Return the processor of `shell!ARGUMENTS`. Raises SettingsError if it is no command."""
    refuse_unused(settings, ("python", "thread"), USED["shell"][0])
    if not settings.artifacts:
        refuse_unused(settings, _OF_ARTIFACTS, "a program without `artifacts`, which made nothing")
    try:
        command = Template.parse(arguments, settings.args)
    except ValueError as error:
        raise _wrong("runner", arguments, error) from None
    try:
        artifacts = Template.of(settings.artifacts, settings.args)
    except ValueError as error:
        raise _wrong("artifacts", ", ".join(settings.artifacts), error) from None
    return ShellProcessor(command, artifacts, Launcher.of(settings))


def _wrong(key: str, given: str, error: ValueError) -> SettingsError:
    problem = f"{given[:100]!r} is not valid"
    return SettingsError(file="worker.toml", key=key, problem=problem, must=str(error))
