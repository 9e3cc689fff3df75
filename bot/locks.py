"""Locks: who has an app or an environment for themselves, until when, and who comes next. Pure.

A lock always has an end. Those that overlap wait for each other, in the order in which they were
asked for; when one ends the next begins by itself. Whoever gets one gets the next number of its
environment: what was asked under an older number is refused by agents that have seen a newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from baton.bus.messages import Person
from baton.outcome import named
from bot.jobs import Place

LONGEST = timedelta(days=7)
"""How long a lock may last."""


class End(StrEnum):
    """How a lock ended, or one that waited for it."""

    RELEASED = "released"
    EXPIRED = "expired"
    STOLEN = "stolen"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a lock is of: an app in an environment, or all of it without `app`, on `hosts`, or on
    all servers there if there are none."""

    environment: str
    app: str | None = None
    hosts: frozenset[str] = frozenset()

    def overlaps(self, other: Scope) -> bool:
        """Return whether something is in both."""
        return (
            self.environment == other.environment
            and (self.app is None or other.app is None or self.app == other.app)
            and (not self.hosts or not other.hosts or bool(self.hosts & other.hosts))
        )

    def covers(self, other: Scope) -> bool:
        """Return whether all of `other` is in it."""
        return (
            self.environment == other.environment
            and self.app in (None, other.app)
            and (not self.hosts or (bool(other.hosts) and other.hosts <= self.hosts))
        )

    @property
    def label(self) -> str:
        """What people call it: `shop in prod on web-1`."""
        what = f"{self.app} in {self.environment}" if self.app else self.environment
        return f"{what} on {named(sorted(self.hosts), 5)}" if self.hosts else what

    @property
    def words(self) -> str:
        """The words of a command that name it: `shop prod --host web-1`."""
        parts = [self.app, self.environment, *(f"--host {host}" for host in sorted(self.hosts))]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that somebody has, has had or waits for. `place` is where they asked for it, and
    where they are told of it.

    Until it begins (`since`) it has no `number`. It ends at `until`; one that waits and was asked
    for a length of time (`seconds`) gets that from when it begins.
    """

    id: str
    key: str
    scope: Scope
    owner: Person
    place: Place
    reason: str
    asked: datetime
    until: datetime
    seconds: float | None = None
    since: datetime | None = None
    number: int | None = None
    nagged: bool = False
    ended: datetime | None = None
    how: End | None = None

    @property
    def held(self) -> bool:
        """Whether its owner has it, as far as the rows say: it may be over by now."""
        return self.ended is None and self.since is not None

    @property
    def waits(self) -> bool:
        """Whether it waits for another one to end."""
        return self.ended is None and self.since is None

    def owned_by(self, person: Person, directory: str) -> bool:
        """Return whether it is that of `person`, whom the front end `directory` knows."""
        return (self.owner.id, self.place.directory) == (person.id, directory)

    @property
    def due(self) -> datetime:
        """When something of it is to be done next: its owner reminded, or it ended."""
        if self.since is None or self.nagged:
            return self.until
        return self.since + (self.until - self.since) / 2


@dataclass(frozen=True, slots=True)
class Notice:
    """What the owner of `lock` is told in the channel where they asked for it. It is said once for
    each `mark`."""

    lock: Lock
    text: str
    mark: str
    good: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of the locks of an environment: those that are open, those that `changed`, and
    what people are told. `number` is the last that was given out."""

    open: tuple[Lock, ...]
    number: int
    changed: tuple[Lock, ...] = ()
    notices: tuple[Notice, ...] = ()


def advance(locks: Iterable[Lock], number: int, now: datetime) -> Step:
    """Return what has become of the open `locks` of one environment by `now`: some have ended,
    others have begun, and owners are reminded at half time."""
    changed: dict[str, Lock] = {}
    notices: list[Notice] = []
    kept: list[Lock] = []
    for lock in sorted(locks, key=_order):
        after = _aged(lock, now, notices)
        if after is not lock:
            changed[after.id] = after
        if after.ended is None:
            kept.append(after)
    ahead: list[Lock] = []
    for lock in kept:
        if lock.waits and not any(one.scope.overlaps(lock.scope) for one in ahead):
            number += 1
            lock = begun(lock, number, now)
            changed[lock.id] = lock
            notices.append(
                Notice(
                    lock,
                    f"{lock.owner.label}: it is your turn. You have the lock of "
                    f"{lock.scope.label} until {clock(lock.until)}. To end it sooner: /unlock "
                    f"{lock.scope.words}",
                    "turn",
                )
            )
        ahead.append(lock)
    return Step(tuple(ahead), number, tuple(changed.values()), tuple(notices))


def begun(lock: Lock, number: int, now: datetime) -> Lock:
    """Return `lock` as it begins at `now`, as the lock `number`."""
    until = lock.until if lock.seconds is None else now + timedelta(seconds=lock.seconds)
    return replace(lock, since=now, number=number, until=until)


def ended(lock: Lock, how: End, now: datetime) -> Lock:
    """Return `lock` as it ends at `now`."""
    return replace(lock, ended=now, how=how)


def clock(at: datetime) -> str:
    """Return `Fri 27 Nov 14:00 UTC`."""
    return f"{at.astimezone(UTC):%a %d %b %H:%M} UTC"


def ahead_of(lock: Lock, locks: Iterable[Lock]) -> list[Lock]:
    """Return which of the open `locks` have to end before `lock` begins."""
    return [
        one
        for one in sorted(locks, key=_order)
        if one.id != lock.id and one.scope.overlaps(lock.scope) and _order(one) < _order(lock)
    ]


def queue_of(holder: Lock, locks: Iterable[Lock]) -> Sequence[Lock]:
    """Return those of the open `locks` that wait for `holder`, the first one first."""
    return [
        one for one in sorted(locks, key=_order) if one.waits and one.scope.overlaps(holder.scope)
    ]


def _order(lock: Lock) -> tuple[bool, datetime, str]:
    """Those that are held come first, then as they were asked for."""
    return (lock.waits, lock.asked, lock.id)


def _aged(lock: Lock, now: datetime, notices: list[Notice]) -> Lock:
    scope = lock.scope
    if lock.held and now >= lock.until:
        text = f"{lock.owner.label}: your lock of {scope.label} has ended: its time was over."
        notices.append(Notice(lock, text, "expired"))
        return ended(lock, End.EXPIRED, now)
    if lock.waits and lock.seconds is None and now >= lock.until:
        text = (
            f"{lock.owner.label}: you wait no longer for the lock of {scope.label}: "
            f"{clock(lock.until)}, when it was to end, has passed."
        )
        notices.append(Notice(lock, text, "too-late", good=False))
        return ended(lock, End.EXPIRED, now)
    if lock.held and not lock.nagged and now >= lock.due:
        text = (
            f"{lock.owner.label}: half the time of your lock of {scope.label} is over "
            f"(“{lock.reason}”). It ends at {clock(lock.until)}. To end it now: /unlock "
            f"{scope.words}. To have it longer: /lock {scope.words} for 1h because …"
        )
        notices.append(Notice(lock, text, f"nag/{lock.until.isoformat()}"))
        return replace(lock, nagged=True)
    return lock
