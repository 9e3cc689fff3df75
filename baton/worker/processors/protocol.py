"""The contract between a worker and its processors; whoever writes a processor imports it.

A processor is an entry point of the group `baton.processors`: its name stands before the `!` in the
setting `runner`, and it is a ProcessorFactory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from baton.worker.work import Result, Work


class RunnerSettings(Protocol):
    """The settings of a runner, as a processor reads them.

    `timeout` is in seconds, None for no limit. `folder` is where it works, and `environment` names
    the variables that it is given besides the usual ones. `memory` is in bytes, `cpu` in seconds,
    `files` counts the files that a process may have open. `args` are the declared arguments by
    name. `settings` is everything else that stands there, with `runner` itself.
    """

    @property
    def runner(self) -> str: ...  # noqa: D102 - the docstring of the class tells each
    @property
    def timeout(self) -> float | None: ...  # noqa: D102
    @property
    def folder(self) -> Path | None: ...  # noqa: D102
    @property
    def environment(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def python(self) -> Path | None: ...  # noqa: D102
    @property
    def memory(self) -> int | None: ...  # noqa: D102
    @property
    def cpu(self) -> int | None: ...  # noqa: D102
    @property
    def files(self) -> int | None: ...  # noqa: D102
    @property
    def args(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def settings(self) -> Mapping[str, JsonValue]: ...  # noqa: D102


class Output(Protocol):
    """What a processor reports while it works; none of these blocks or raises."""

    def log(self, text: str, step: str = "") -> None:
        """Pass on raw output, a line or several, with its colours."""

    def info(self, text: str, *, step: str = "", percent: int | None = None) -> None:
        """Say what is being done; `percent` (0 to 100) moves the progress bar."""


class Processor(Protocol):
    """A processor does jobs, several at a time."""

    async def run(self, work: Work, output: Output) -> Result:
        """Do `work`, and return what it made.

        Raises Failed, Refused or Blocked with the reason; anything else that it raises is a failure
        too, with the trace in the output. When cancelled it ends everything that it started, and
        lets CancelledError pass.
        """


ProcessorFactory = Callable[[RunnerSettings, str], Processor]
"""Makes the processor of one runner from its settings and what stands after the `!`.

Raises SettingsError whose fact `key` is a setting of the runner (`runner`, `python`): whoever has
read the file adds file, section and line."""
