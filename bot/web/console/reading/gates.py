"""Locks and freezes as a viewer may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.dispatch.gates.freeze import whom
from bot.dispatch.gates.freezing.windows import Freeze
from bot.jobs import short_id
from bot.locks import Lock, queue_of
from bot.store.safety.broken_freezes import BrokenFreeze
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of


@dataclass(frozen=True, slots=True)
class SeenLock:
    """A lock that somebody has. `words` name it in commands; `own`: it is the viewer's. `waiting`
    are those who get it next."""

    words: str
    environment: str
    app: str | None
    hosts: tuple[str, ...]
    owner: str
    reason: str
    since: datetime
    until: datetime
    number: int
    waiting: tuple[str, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class SeenLocks:
    """The locks that somebody may see; `left_out` counts the others, `note` says so."""

    locks: tuple[SeenLock, ...]
    left_out: int
    note: str


@dataclass(frozen=True, slots=True)
class SeenFreeze:
    """A freeze of the settings; `until` is when it ends if it is on."""

    name: str
    environments: tuple[str, ...]
    apps: tuple[str, ...]
    zone: str
    until: datetime | None
    may_break: str


@dataclass(frozen=True, slots=True)
class SeenBroken:
    """A freeze that somebody broke, and nobody else has reviewed yet."""

    id: str
    freeze: str
    by: str
    at: datetime
    words: str
    reason: str
    job: str


@dataclass(frozen=True, slots=True)
class SeenFreezes:
    """The freezes, and the broken ones that the viewer may see. `problems` say why the freezes are
    not what the files say now."""

    freezes: tuple[SeenFreeze, ...]
    problems: tuple[str, ...]
    broken: tuple[SeenBroken, ...]


class GateReading:
    """Reads locks and freezes for viewers."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def locks(self, viewer: Viewer) -> SeenLocks:
        """Return the locks that somebody has now. Raises DatabaseUnavailable."""
        parts = self._parts
        found = (await parts.store.locks.in_force()).locks
        reader = reader_of(parts.authorizer, viewer, "locks", parts.clock())
        held = [one for one in found if one.held]
        seen = [one for one in held if await reader.may_look_at(one.scope.environment)]
        left = len(held) - len(seen)
        shown = tuple(_lock(one, found, viewer) for one in seen)
        return SeenLocks(shown, left, note_of(reader, "lock", left))

    async def freezes(self, viewer: Viewer) -> SeenFreezes:
        """Return the freezes as they are now. Raises DatabaseUnavailable."""
        parts = self._parts
        now = parts.clock()
        reader = reader_of(parts.authorizer, viewer, "freezes", now)
        items = await parts.store.broken_freezes.open_items()
        seen = [
            one
            for one in items
            if all([await reader.may_look_at(each) for each in one.environment.split(", ")])
        ]
        return SeenFreezes(
            tuple(_freeze(one, now) for one in parts.freezes.freezes),
            parts.freezes.problems,
            tuple(_broken(one) for one in seen),
        )


def _lock(lock: Lock, found: tuple[Lock, ...], viewer: Viewer) -> SeenLock:
    return SeenLock(
        lock.scope.words,
        lock.scope.environment,
        lock.scope.app,
        tuple(sorted(lock.scope.hosts)),
        lock.owner.label,
        lock.reason,
        lock.since or lock.asked,
        lock.until,
        lock.number or 0,
        tuple(one.owner.label for one in queue_of(lock, found)),
        lock.owned_by(viewer.person, viewer.place.directory),
    )


def _freeze(freeze: Freeze, now: datetime) -> SeenFreeze:
    return SeenFreeze(
        freeze.name,
        freeze.environments,
        freeze.apps,
        freeze.zone.key,
        freeze.windows.end_at(now),
        whom(freeze),
    )


def _broken(one: BrokenFreeze) -> SeenBroken:
    return SeenBroken(
        short_id(one.id), one.freeze, one.person.label, one.at, one.words, one.reason, one.job
    )
