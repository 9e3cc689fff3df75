"""The contract between a worker and its processors; whoever writes a processor imports it.

A processor is an entry point of the group `baton.processors`: its name stands before the `!` in the
setting `runner`, and it is a ProcessorFactory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from baton.worker.settings import RunnerSettings
from baton.worker.work import Result, Work

__all__ = ["Output", "Processor", "ProcessorFactory", "Result", "RunnerSettings", "Work"]


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
read the file adds file, section and line. It may block, as the import of a callable does."""
