"""The chain of the audit log: each entry carries the hash of the one before it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from bot.audit.verifier import digest
from bot.jobs import AuditEntry

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the chain: the entry with that `number`, counted from 1 in the order in which
    entries were sealed, the hash of the one before it, and its own."""

    number: int
    previous: str
    hash: str
    entry: AuditEntry

    def exported(self) -> Mapping[str, Any]:
        """Return it as a line of an export has it."""
        return {**record(self.number, self.entry), "previous": self.previous, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of the chain: its number, 0 if there is none, and its hash."""

    number: int = 0
    hash: str = ""

    def sealed(self, entry: AuditEntry) -> Head:
        """Return the head once `entry` is sealed."""
        number = self.number + 1
        return Head(number, digest(self.hash, record(number, entry)))

    def __str__(self) -> str:
        """Return it as `--head` takes it."""
        return f"{self.number}:{self.hash}"


def line_of(link: Link) -> str:
    """Return the line of an export that has `link`, without its end."""
    return _JSON.encode(link.exported())


def posted(head: Head) -> str:
    """Return what is posted of `head`."""
    entries = "1 entry" if head.number == 1 else f"{head.number} entries"
    return f"The audit log has {entries}. Its head, for `baton audit verify --head`: {head}"


def record(number: int, entry: AuditEntry) -> dict[str, Any]:
    """Return what is hashed of `entry`: all that it says."""
    return {
        "number": number,
        "time": f"{entry.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "person": {"id": entry.person.id, "name": entry.person.name},
        "place": {
            "front": entry.place.front,
            "channel": entry.place.channel,
            "thread": entry.place.thread,
            "name": entry.place.name,
        },
        "words": entry.words,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "job": entry.job,
        "environment": entry.environment,
        "key": entry.key,
    }
