"""Faults: errors that concern one row, one rule or one check, while everything else continues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MAX_FAULTS = 100
"""The number of faults that are kept for the log; of more only the count is known."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be done, in words, and why."""

    what: str
    error: Exception


class Faults:
    """Collects faults, because this package writes no log."""

    def __init__(self) -> None:
        self.count = 0
        """The number of all faults so far."""
        self._kept: list[Fault] = []

    def add(self, what: str, error: Exception) -> None:
        """Add a fault."""
        self.count += 1
        if len(self._kept) < MAX_FAULTS:
            self._kept.append(Fault(what, error))

    @contextmanager
    def isolate(self, what: str) -> Iterator[None]:
        """Turn an error within the `with` block into a fault."""
        try:
            yield
        except Exception as error:
            self.add(what, error)

    def take(self) -> list[Fault]:
        """Return the faults that were not taken yet."""
        kept, self._kept = self._kept, []
        return kept
