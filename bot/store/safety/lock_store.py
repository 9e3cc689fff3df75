"""LockStore: who has which lock, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, delete, select

from baton.bus.messages import Person
from bot.locks import (
    End,
    Lock,
    Notice,
    Scope,
    Step,
    advance,
    ahead_of,
    begun,
    clock,
    ended,
)
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.transactions import Database
from bot.store.jobs.changes import JobChanges
from bot.store.safety.lock_rows import (
    lock_of,
    lock_of_key,
    numbers,
    open_locks,
    take_turn,
    write_step,
)
from bot.store.tables.lock_tables import locks

T = TypeVar("T")

MOST_AFTER = 1_000
"""Locks that are looked through for one that came after something was asked for."""


@dataclass(frozen=True, slots=True)
class Locked:
    """What became of a request for `lock`. `ahead` are those that have to end before it begins;
    `stolen` are those that it ended. `extended`: they had it already, and it ends later now."""

    lock: Lock
    ahead: tuple[Lock, ...] = ()
    stolen: tuple[Lock, ...] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """The open locks of some environments at `now`, and the last number of each."""

    locks: tuple[Lock, ...]
    numbers: Mapping[str, int]
    now: datetime


class NothingToSteal(Exception):
    """Nobody else has a lock of that."""


class StealsMore(Exception):
    """What would be taken is a part of `lock`, of which all would end."""

    def __init__(self, lock: Lock) -> None:
        super().__init__(lock.id)
        self.lock = lock


class LockStore:
    """The locks in `database`. They end by `clock`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock, changes: JobChanges) -> None:
        self._database = database
        self._clock = clock
        self._changes = changes

    async def in_force(self, environments: Sequence[str] | None = None) -> InForce:
        """Return the open locks of these environments, or of all, as they are at this moment: what
        is over has ended, and what follows has begun."""

        def read(connection: Connection) -> InForce:
            now = self._clock.now(connection)
            found = open_locks(connection, environments)
            where = sorted({lock.scope.environment for lock in found} | {*(environments or ())})
            return InForce(tuple(found), numbers(connection, where), now)

        found = await self._database.read(read)
        late = {
            where
            for where in {lock.scope.environment for lock in found.locks}
            if advance(_of(where, found.locks), 0, found.now).changed
        }
        if not late:
            return found
        for where in sorted(late):
            await self._turn(where, lambda connection, step, now: (step, None))
        return await self._database.read(read)

    async def ask(self, lock: Lock, *, steal: bool = False) -> Locked:
        """Take `lock`, or wait for it. If its owner has the same already, that one gets this end
        and reason. With `steal` those of others that overlap end, and whoever has them is told; one
        without an end (`until` is when it was asked) then ends when they would have.

        The same key twice is the same request. Raises NothingToSteal and StealsMore.
        """

        def work(connection: Connection, step: Step, now: datetime) -> tuple[Step, Locked]:
            known = lock_of_key(connection, lock.key)
            if known is not None:
                now_open = {one.id: one for one in step.open}
                known = now_open.get(known.id, known)
                return step, Locked(known, tuple(ahead_of(known, step.open)))
            return _stolen(step, lock, now) if steal else _asked(step, lock, now)

        return await self._turn(lock.scope.environment, work)

    async def release(self, scope: Scope, person: Person, directory: str) -> list[Lock]:
        """End the locks of exactly `scope` that `person` has or waits for; return them."""

        def work(connection: Connection, step: Step, now: datetime) -> tuple[Step, list[Lock]]:
            mine = [
                one for one in step.open if one.scope == scope and one.owned_by(person, directory)
            ]
            return _ending(step, [ended(one, End.RELEASED, now) for one in mine], now), mine

        return await self._turn(scope.environment, work)

    async def give(
        self, scope: Scope, person: Person, directory: str, to: Person, new: str
    ) -> Lock | None:
        """Give the lock of exactly `scope` that `person` has to somebody else, with a new number;
        it has the id and key `new` then. Return it; None if they have none."""

        def work(connection: Connection, step: Step, now: datetime) -> tuple[Step, Lock | None]:
            known = lock_of_key(connection, new)
            if known is not None:
                return step, known
            mine = next(
                (
                    one
                    for one in step.open
                    if one.held and one.scope == scope and one.owned_by(person, directory)
                ),
                None,
            )
            if mine is None:
                return step, None
            given = replace(
                mine, id=new, key=new, owner=to, since=now, number=step.number + 1, nagged=False
            )
            text = (
                f"{to.label}: {person.label} has given you the lock of {scope.label} "
                f"(“{mine.reason}”). It ends at {clock(mine.until)}."
            )
            waited = _waited_for(step, scope, to, directory)
            over = [ended(mine, End.GIVEN, now), *(ended(one, End.RELEASED, now) for one in waited)]
            gone = {one.id for one in over}
            kept = tuple(one for one in step.open if one.id not in gone)
            return replace(
                step,
                open=(given, *kept),
                number=step.number + 1,
                changed=(*_without(step.changed, *over), *over, given),
                notices=(*step.notices, Notice(given, text, "given")),
            ), given

        return await self._turn(scope.environment, work)

    async def round(self) -> float | None:
        """Do what is due: end locks, begin those that follow, remind owners. Return the seconds
        until something is due next; None if no lock is open."""
        found = await self.in_force()
        if not found.locks:
            return None
        due = [lock.due for lock in found.locks if lock.held or lock.seconds is None]
        return max(0.0, (min(due) - found.now).total_seconds()) if due else None

    async def after(self, environment: str, number: int) -> list[Lock]:
        """Return the locks of `environment` that came after the one with this number, also those
        that have ended, the newest first."""
        later = (locks.c.environment == environment, locks.c.number > number)
        statement = select(locks).where(*later).order_by(locks.c.number.desc()).limit(MOST_AFTER)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [lock_of(row) for row in rows]

    async def prune(self, before: datetime) -> None:
        """Remove locks that ended before `before`."""

        def prune(connection: Connection) -> None:
            connection.execute(delete(locks).where(locks.c.ended < before))

        await self._database.write(prune)

    async def _turn(
        self,
        environment: str,
        work: Callable[[Connection, Step, datetime], tuple[Step, T]],
    ) -> T:
        """Do `work` with the locks of `environment` while no other bot changes them."""

        def turn(connection: Connection) -> tuple[T, set[str]]:
            step, now = take_turn(connection, environment, self._clock.now)
            step, result = work(connection, step, now)
            return result, write_step(connection, environment, step, now)

        result, posted = await self._database.write(turn)
        self._changes.announce(posted)
        return result


def _asked(step: Step, lock: Lock, now: datetime) -> tuple[Step, Locked]:
    same = next(
        (
            one
            for one in step.open
            if one.scope == lock.scope and one.owned_by(lock.owner, lock.place.directory)
        ),
        None,
    )
    if same is not None:
        until = lock.until if lock.seconds is None else now + timedelta(seconds=lock.seconds)
        after = replace(
            same,
            until=until,
            seconds=lock.seconds,
            reason=lock.reason,
            place=lock.place,
            nagged=False,
        )
        return _with(step, after), Locked(
            after, tuple(ahead_of(after, step.open)), extended=same.held
        )
    ahead = tuple(one for one in step.open if one.scope.overlaps(lock.scope))
    if ahead:
        return _with(step, lock), Locked(lock, ahead)
    held = begun(lock, step.number + 1, now)
    return replace(_with(step, held), number=step.number + 1), Locked(held)


def _stolen(step: Step, lock: Lock, now: datetime) -> tuple[Step, Locked]:
    """Return the step in which `lock` begins at once, and those of others that overlap end."""
    directory = lock.place.directory
    taken = [one for one in step.open if one.held and one.scope.overlaps(lock.scope)]
    others = [one for one in taken if not one.owned_by(lock.owner, directory)]
    if not others:
        raise NothingToSteal
    for one in others:
        if not lock.scope.covers(one.scope):  # more than they asked for, and may have, would end
            raise StealsMore(one)
    if lock.seconds is None and lock.until <= lock.asked:
        lock = replace(lock, until=max(one.until for one in others))
    held = begun(lock, step.number + 1, now)
    notices = [
        Notice(
            one,
            f"{one.owner.label}: {lock.owner.label} has taken your lock of {one.scope.label} "
            f"(“{one.reason}”): {lock.reason}. What you asked for under it and what has not "
            "started yet is refused by each server that has had a request under the new lock.",
            "stolen",
            good=False,
        )
        for one in others
    ]
    waited = _waited_for(step, lock.scope, lock.owner, directory)
    mine = [ended(one, End.RELEASED, now) for one in taken if one not in others]
    mine += [ended(one, End.RELEASED, now) for one in waited]
    taken += waited
    over = [*(ended(one, End.STOLEN, now) for one in others), *mine]
    step = replace(
        step,
        open=tuple(one for one in step.open if one not in taken),
        changed=(*_without(step.changed, *over), *over),
        notices=(*step.notices, *notices),
    )
    step = replace(_with(step, held), number=step.number + 1)
    return step, Locked(held, stolen=tuple(others))


def _waited_for(step: Step, scope: Scope, person: Person, directory: str) -> list[Lock]:
    """Return what `person` waits for of exactly `scope`: they have it now in another way."""
    return [
        one
        for one in step.open
        if one.waits and one.scope == scope and one.owned_by(person, directory)
    ]


def _ending(step: Step, over: Sequence[Lock], now: datetime) -> Step:
    """Return `step` without those that are `over`: who waited for them has them now."""
    gone = {one.id for one in over}
    after = advance([one for one in step.open if one.id not in gone], step.number, now)
    return Step(
        after.open,
        after.number,
        (*_without(step.changed, *over, *after.changed), *over, *after.changed),
        (*step.notices, *after.notices),
    )


def _with(step: Step, lock: Lock) -> Step:
    """Return `step` with `lock` as it is now."""
    kept = tuple(one for one in step.open if one.id != lock.id)
    return replace(step, open=(*kept, lock), changed=(*_without(step.changed, lock), lock))


def _without(changed: Sequence[Lock], *gone: Lock) -> list[Lock]:
    ids = {one.id for one in gone}
    return [one for one in changed if one.id not in ids]


def _of(environment: str, found: Sequence[Lock]) -> list[Lock]:
    return [lock for lock in found if lock.scope.environment == environment]
