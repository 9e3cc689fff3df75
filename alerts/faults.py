"""Faults: what one row, one rule or one thing that is watched could not do. The others go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MAX_FAULTS = 100
"""Faults that are kept for whoever logs them; of more only how many there were."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be done, in words, and why not."""

    what: str
    error: Exception


class Faults:
    """Collects them; this package writes no log."""

    def __init__(self) -> None:
        self.count = 0
        """How many there were, ever."""
        self._kept: list[Fault] = []

    def add(self, what: str, error: Exception) -> None:
        """This failed."""
        self.count += 1
        if len(self._kept) < MAX_FAULTS:
            self._kept.append(Fault(what, error))

    @contextmanager
    def isolate(self, what: str) -> Iterator[None]:
        """What fails within is a fault, and ends there."""
        try:
            yield
        except Exception as error:
            self.add(what, error)

    def take(self) -> list[Fault]:
        """Those that were not taken yet."""
        kept, self._kept = self._kept, []
        return kept
