"""Locks that two bots change at once, over both databases: nobody has what somebody else has."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations, count

from sqlalchemy import Connection

from baton.agent.journal import MemoryJournal
from baton.bus.messages import Person
from bot.dispatch.gates.lock import LockGate
from bot.dispatch.gates.situation import Asked, Intent, Situation
from bot.jobs import Place
from bot.locks import Lock, Scope
from bot.store import Store
from bot.store.safety.lock_store import NothingToSteal, StealsMore

PEOPLE = tuple(Person(id=f"U_{name.upper()}", name=name) for name in ("ann", "ben", "cem"))
OPS = Place("slack", "C1", name="ops")
SEEDS = int(os.environ.get("BATON_SEEDS", "4"))
"""How many lives are lived: 1000 before a release."""
HOSTS = frozenset({"web-1", "web-2"})


class Clock:
    """The database's clock, moved by hand."""

    at = datetime(2026, 11, 27, 9, tzinfo=UTC)

    def now(self, connection: Connection) -> datetime:
        return self.at


@dataclass
class Sent:
    """A request on its way."""

    app: str
    fence: int
    person: str
    lock: int | None


@dataclass
class World:
    """Two bots, an agent, and what is on its way to it."""

    stores: tuple[Store, Store]
    clock: Clock
    environment: str
    chance: random.Random
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    flying: list[Sent] = field(default_factory=list)
    done: list[Sent] = field(default_factory=list)
    keys: Iterator[int] = field(default_factory=count)

    def scope(self) -> Scope:
        app = self.chance.choice((None, "shop", "shop", "blog"))
        hosts = self.chance.choice((frozenset[str](), frozenset[str](), frozenset({"web-1"})))
        return Scope(self.environment, app, hosts)

    async def act(self, store: Store) -> None:
        """One thing that somebody does by one of the bots."""
        person = self.chance.choice(PEOPLE)
        match self.chance.choice(("lock", "lock", "steal", "unlock", "give", "deploy", "deploy")):
            case "unlock":
                await store.locks.release(self.scope(), person, "slack")
            case "give":
                to, key = self.chance.choice(PEOPLE), f"{self.environment}/{next(self.keys)}"
                await store.locks.give(self.scope(), person, "slack", to, key)
            case "deploy":
                await self.deploy(store, person, self.chance.choice(("shop", "blog")))
            case kind:
                await self.lock(store, person, steal=kind == "steal")

    async def lock(self, store: Store, person: Person, *, steal: bool) -> None:
        key, at = f"{self.environment}/{next(self.keys)}", self.clock.at
        seconds = self.chance.choice((60.0, 300.0, 600.0))
        end = at + timedelta(seconds=seconds)
        new = Lock(key, key, self.scope(), person, OPS, "why", at, end, seconds)
        try:
            await store.locks.ask(new, steal=steal)
        except (NothingToSteal, StealsMore):
            await store.locks.ask(new)

    async def deploy(self, store: Store, person: Person, app: str) -> None:
        force = await store.locks.in_force([self.environment])
        intent = Intent("ship", (self.environment,), app, HOSTS)
        asked = Situation(Asked(intent, person, "slack"), frozenset(), force.now, force.locks)
        if not LockGate().look(asked).ok:
            return
        scope = Scope(self.environment, app, HOSTS)
        own = [one.number for one in force.locks if one.held and one.scope.overlaps(scope)]
        number = force.numbers.get(self.environment, 0)
        if number:
            lock = max((each for each in own if each is not None), default=None)
            self.flying.append(Sent(app, number, person.id, lock))

    async def arrive(self) -> None:
        """One of the requests arrives, whichever."""
        if self.flying:
            sent = self.flying.pop(self.chance.randrange(len(self.flying)))
            last = await self.journal.raise_fence(self.environment, sent.app, sent.fence)
            if last <= sent.fence:
                self.done.append(sent)

    async def check(self) -> None:
        """Hold the rows to what is promised."""
        found = (await self.stores[0].locks.in_force([self.environment])).locks
        held = [one for one in found if one.held]
        assert all(one.until > self.clock.at for one in held)
        for one, other in combinations(held, 2):
            assert not one.scope.overlaps(other.scope), (one, other)
        for lock in found:
            blocked = any(one is not lock and one.scope.overlaps(lock.scope) for one in found)
            assert lock.held or blocked, lock


async def live(world: World) -> None:
    for _ in range(14):
        await asyncio.gather(*(world.act(store) for store in world.stores))
        if world.chance.random() < 0.6:
            world.clock.at += timedelta(seconds=world.chance.choice((1, 30, 61, 301)))
        if world.chance.random() < 0.5:
            await world.arrive()
        await world.check()
    while world.flying:
        await world.arrive()
    for app in ("shop", "blog"):
        numbers = [sent.fence for sent in world.done if sent.app == app]
        assert numbers == sorted(numbers), numbers
        owners: dict[int, set[str]] = {}
        for sent in world.done:
            if sent.app == app and sent.lock == sent.fence:
                owners.setdefault(sent.fence, set()).add(sent.person)
        assert all(len(who) == 1 for who in owners.values()), owners


async def seeds(store: Store, other: Store, numbers: range) -> None:
    clock = Clock()
    for each in (store, other):
        each.locks._clock = clock  # type: ignore[assignment]
    for seed in numbers:
        await live(World((store, other), clock, f"prod-{seed}", random.Random(seed)))


async def test_never_two_have_valid_numbers(store: Store, other: Store) -> None:
    """Whatever two bots do at once with locks, of those that overlap one is held; and what is done
    on a server is never of an older lock than what was done before."""
    await seeds(store, other, range(SEEDS))


async def test_of_many_at_once_one_has_it(store: Store, other: Store) -> None:
    """Twenty people ask at one moment by two bots: one has it, the others wait in one order."""
    at = datetime.now(UTC)

    def lock(number: int) -> Lock:
        key, person = f"k{number}", Person(id=f"U{number}", name=f"p{number}")
        scope, end = Scope("prod", "shop"), at + timedelta(hours=1)
        return Lock(key, key, scope, person, OPS, "why", at, end, 3600.0)

    asks = [(store, other)[number % 2].locks.ask(lock(number)) for number in range(20)]
    found = await asyncio.gather(*asks)
    assert sum(one.lock.held for one in found) == 1
    assert sorted(len(one.ahead) for one in found) == list(range(20))


async def test_the_same_request_twice_is_one_lock(store: Store, other: Store) -> None:
    """Slack sends some requests twice, and each may come to another bot."""
    at = datetime.now(UTC)
    scope, end = Scope("prod", "shop"), at + timedelta(hours=1)
    one = Lock("a", "k", scope, PEOPLE[0], OPS, "why", at, end, 3600.0)
    two = Lock("b", "k", scope, PEOPLE[0], OPS, "why", at, end, 3600.0)
    found = await asyncio.gather(store.locks.ask(one), other.locks.ask(two))
    assert found[0].lock.id == found[1].lock.id
    assert len((await store.locks.in_force()).locks) == 1
