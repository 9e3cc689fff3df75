"""A migration is a new file, and a list of what it changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A change says what stood in the old file, what stands for it now, and what to know."""

    before: str
    after: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Migrated:
    """A migrated file has its new name, its text, and what it changes."""

    name: str
    text: str
    changes: tuple[Change, ...]
