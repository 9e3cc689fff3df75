"""Reads a worker's settings file and makes its runners: all of it, or nothing with every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baton.worker.config.reading import WorkerFile, read
from baton.worker.processors.registry import Processors
from baton.worker.processors.runner import Runner
from baton.worker.service import check_facts
from baton.worker.settings import RunnerSettings


@dataclass(frozen=True, slots=True)
class Loaded:
    """A settings file that will do, and its runners by name."""

    file: WorkerFile
    runners: Mapping[str, Runner]


def load(file: Path, environ: Mapping[str, str], processors: Processors) -> Loaded:
    """Return what `file` describes, with its runners made by `processors`.

    This may block for a while, since callables are imported to see that they can be. Raises
    SettingsErrors with all that is wrong.
    """
    runners: dict[str, Runner] = {}

    def make(name: str, settings: RunnerSettings) -> None:
        runners[name] = processors.make(name, settings, file=str(file))

    found = read(file, environ, make)
    check_facts(found.settings, str(file))
    return Loaded(found, runners)
