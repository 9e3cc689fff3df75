"""What can be asked at this moment: what is installed, and what workers declare in their
heartbeats. Whoever has the commands asks them afresh: nothing is started again for a new runner."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from typing_extensions import override

from baton.command import Command
from baton.consumer import Extension
from baton.errors import UsageError
from baton.extensions import Commands
from baton.text.words import cited, did_you_mean
from bot.servers.runners import DeclaredRunner, KnownWorker, declared_runners

RUN = "run"
"""The word before the name of a runner: `/run report may`."""
KEPT = 10.0
"""Seconds after which it is looked whether a worker is silent for so long that it is forgotten."""


class Workers(Protocol):
    """Knows the workers. `declarations` counts how often one has declared other runners."""

    @property
    def declarations(self) -> int:
        """Return how often a worker has declared other runners than before."""

    def workers(self) -> list[KnownWorker]:
        """Return every worker that is known."""


class LiveCommands(Commands):
    """The `installed` commands, and the runners of `workers`. An installed command comes before a
    runner of its name, which is then asked by `/run NAME` and has the name `run-NAME`."""

    def __init__(
        self,
        installed: Commands,
        workers: Workers,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__((), installed.broken)
        self._installed = installed
        self._workers = workers
        self._monotonic = monotonic
        self._made_of: tuple[int, int] = (-1, 0)
        self._runners: dict[str, DeclaredRunner] = {}
        self._all: Mapping[str, Extension] = installed

    @override
    def by_name(self) -> Mapping[str, Extension]:
        """Return what can be requested at this moment."""
        self._look()
        return self._all

    def runners(self) -> Mapping[str, DeclaredRunner]:
        """Return the runners that workers declare, by the names of their commands, each with its
        workers as they are at this moment."""
        return declared_runners(self._workers.workers(), self._installed)

    @override
    def named(self, words: Sequence[str]) -> tuple[type[Command], Sequence[str]]:
        """Return the command that `words` begin with the name of, and the words after that; `run
        NAME ...` is that of the runner NAME. Raises UsageError."""
        if len(words) > 1 and words[0].removeprefix("/").lower() == RUN and RUN in self._installed:
            return super().named([self._runner_named(words[1]), *words[2:]])
        return super().named(words)

    def runner_name(self, word: str) -> str:
        """Return the name of the command of the runner that is called `word`; empty if there is
        none that can be asked."""
        self._look()
        wanted = word.removeprefix("/").lower()
        for name, one in self._runners.items():
            if one.command is not None and wanted in (name, one.runner.name.lower()):
                return name
        return ""

    def runner_words(self) -> list[str]:
        """Return what may stand after /run."""
        self._look()
        return sorted(one.runner.name for one in self._runners.values() if one.command is not None)

    def _runner_named(self, word: str) -> str:
        """Return the name of the command of the runner that is called `word`. Raises UsageError."""
        name = self.runner_name(word)
        if name:
            return name
        wanted = word.removeprefix("/").lower()
        for runner in self._runners.values():
            if wanted == runner.runner.name.lower():
                raise UsageError(
                    f"The runner {cited(wanted)} of {runner.by} cannot be used: {runner.wrong}. "
                    "Nothing was done.",
                    field="runner",
                )
        known = self.runner_words()
        raise UsageError(
            f"No worker has a runner {cited(wanted)}.{did_you_mean(wanted, known)}",
            f"Runners: {', '.join(known) or 'none'}. See /run.",
            "runner",
        )

    def _look(self) -> None:
        made_of = (self._workers.declarations, int(self._monotonic() / KEPT))
        if made_of == self._made_of:
            return
        self._made_of, self._runners = made_of, dict(self.runners())
        made = {
            name: Extension(one.command)
            for name, one in self._runners.items()
            if one.command is not None
        }
        self._all = {**self._installed, **made}
