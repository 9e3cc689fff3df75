"""kill -9 of either of two bots at each step of asking, voting and starting, over PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs
from typing_extensions import override

import bot.app.upkeep
import bot.posts.queue
import bot.posts.reconciler
from baton.bus.channel import Link
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Person, State, new_id
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply, ReplyKind
from bot.holds import Verdict
from bot.jobs import Job, Place, RunRecord
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from tests.bot.build import ANN
from tests.bot.dying import Doom, Doomed, DoomedChannel, Lives, kill
from tests.bot.fake_front import Crash, FakeFront
from tests.bot.world import COMMANDS, Agent, a_bot, no_groups
from tests.support.wait import until

HOSTS = ("web-1", "web-2")
PLACE = Place("slack", "C_OPS")
BEA, CEM = (Person(id=f"U_{name.upper()}", name=name) for name in ("bea", "cem"))
GATES = (GateTable(approvals=2, of=("U_BEA", "U_CEM"), expires=3_600),)
STEPS = {
    "start_job": 1,
    "vote": 3,
    "change_held": 1,
    "cancel": 1,
    "settle": 1,
    "sending": 2,
    "ack": 3,
    "apply_updates": 3,
    "mark_reported": 1,
}
"""The steps before and after each of which a bot dies, and how often each is taken at least."""
LEASE = 1.0
"""Seconds: with fewer a busy machine has no leader, since none renews its lease in time."""
SEEDS = int(os.environ.get("BATON_SEEDS", "4"))
FIRST = int(os.environ.get("BATON_FIRST_SEED", "0"))
BUTTONS = ("approve", "confirm", "deny", "cancel")


class Fate(Enum):
    """What becomes of a job: in which state its runs end, and what old buttons say at the end."""

    START = (State.SUCCEEDED, "it ended: 2 succeeded.")
    DENY = (State.REFUSED, ": late.")
    WITHDRAW = (State.CANCELLED, "withdrawn by ann.")

    def __init__(self, state: State, ends: str) -> None:
        self.state = state
        self.ends = ends


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(bot.posts.reconciler, "INTERVAL", 0.01)
    with capture_logs():  # drawing the traceback of each death takes longer than all the rest
        yield


def links_of(store: Store) -> set[Any]:
    """The connections to PostgreSQL that `store` uses from now on: a killed process has none, so
    what was under way in one is rolled back, and its locks are free."""
    database: Any = store._database
    links: set[Any] = set()
    event.listen(
        database._engine.sync_engine,
        "checkout",
        lambda link, *_: links.add(link.driver_connection),
    )
    return links


class Fatal:
    """The step at which a bot dies: the `left`-th of that kind, whichever bot takes it."""

    def __init__(self, chance: random.Random) -> None:
        kind = chance.choice(list(STEPS))
        self.name = f"{chance.choice(['before', 'after'])} {kind}"
        self.left = chance.randint(1, STEPS[kind])


class FatalDoom(Doom):
    """Ends a bot at `fatal`; a bot that has started again does not die any more."""

    def __init__(self, fatal: Fatal) -> None:
        super().__init__(0)
        self._fatal = fatal

    @override
    def step(self, name: str) -> None:
        self.check()
        if name.startswith(self._fatal.name):
            self._fatal.left -= 1
            if not self._fatal.left:
                self.came.set()
                raise Crash


class Life:
    """One bot, from its start to its death."""

    gates: tuple[GateTable, ...] = GATES
    commands = COMMANDS

    def __init__(
        self, lives: Lives, url: str, bus: MemoryBus, front: FakeFront, fatal: Fatal
    ) -> None:
        self._lives, self._url, self._bus, self._front = lives, url, bus, front
        self.doom = FatalDoom(fatal)
        self.ended = False
        self.channel = MemoryChannel("memory://test", on=bus)

    async def start(self) -> None:
        self.store = await Store.open(self._url)
        self._links = links_of(self.store)
        self.truth = self.store.ledger
        doomed: Any = self.store
        doomed.ledger = Doomed(self.store.ledger, self.doom, *STEPS)
        doomed.posts = Doomed(self.store.posts, self.doom)
        doomed.leases = Doomed(self.store.leases, self.doom)
        channel: Any = DoomedChannel(self.channel, self.doom)
        front: Any = Doomed(self._front, self.doom)
        self.bot = a_bot(
            self.store, channel, front, lease=0.3, gates=self.gates, commands=self.commands
        )
        with self._lives.of(self):
            await self.bot.start()

    async def asked(self, person: Person, text: str, key: str) -> Reply:
        """Ask it. Raises Crash if it dies before it has answered."""
        asking = self.bot.dispatcher.ask(text, asker=person, groups=no_groups, place=PLACE, key=key)
        with self._lives.of(self):
            answer = asyncio.create_task(asking)
        death = asyncio.create_task(self.doom.came.wait())
        await asyncio.wait([answer, death], return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if answer.done() and not answer.cancelled():
            return answer.result()
        raise Crash

    async def end(self) -> None:
        self.ended = True
        self.doom.came.set()
        self._bus.leave(self.channel)
        self.channel.set_link(Link.DOWN, "killed")
        kill(self.bot)
        await self._lives.end(self)
        assert self.store._others is not None
        await self.store._others.close()
        await self.store._database.close()
        for link in self._links:
            link.terminate()


class Scene:
    """Two bots, one of which dies at a step, and people who ask again until they are answered."""

    life: type[Life] = Life

    def __init__(
        self, lives: Lives, url: str, seed: int, hosts: Sequence[str] = HOSTS, **agents: Any
    ) -> None:
        self.chance = random.Random(seed)
        self.bus, self.front = MemoryBus("test"), FakeFront()
        self._lives, self._url = lives, url
        self.fatal = Fatal(self.chance)
        self.bots = [self._life() for _ in range(2)]
        self.agents = [
            Agent(MemoryChannel("memory://test", on=self.bus), host, **agents) for host in hosts
        ]

    def _life(self) -> Life:
        return self.life(self._lives, self._url, self.bus, self.front, self.fatal)

    async def begin(self) -> None:
        for agent in self.agents:
            await agent.start()
        for life in self.bots:
            with contextlib.suppress(Crash):
                await life.start()
        for agent in self.agents:
            await agent.beat()

        async def are_known() -> bool:
            found = [len(life.bot.servers.servers()) for life in await self.living()]
            return all(count == len(self.agents) for count in found)

        await until(are_known, every=0.03)

    async def living(self) -> list[Life]:
        """The bots that are alive. What a dead one had of RabbitMQ is given to the other."""
        for life in self.bots:
            if life.doom.dead and not life.ended:
                await life.end()
        return [life for life in self.bots if not life.doom.dead]

    async def says(self, person: Person, text: str, key: str) -> Reply:
        """Ask either bot; and again, as people do, if it dies or says that it could do nothing."""
        while True:
            life = self.chance.choice(await self.living())
            with contextlib.suppress(Crash):
                reply = await life.asked(person, text, key)
                if reply.kind is not ReplyKind.UNAVAILABLE:
                    return reply

    async def found(self, job: str) -> Any:
        while True:
            with contextlib.suppress(DatabaseUnavailable):  # a busy machine
                return await (await self.living())[0].truth.job(job)

    async def restart(self) -> None:
        """Whoever has died starts again; nobody dies any more."""
        self.fatal.left = 0
        await self.living()
        for number, life in enumerate(self.bots):
            if life.ended:
                self.bots[number] = self._life()
                await self.bots[number].start()

    async def end(self) -> None:
        for life in self.bots:
            if not life.ended:
                await life.end()


async def votes(scene: Scene, job: str, fate: Fate) -> None:
    """Everybody clicks, some twice and all at once, and then it ends as `fate` says."""
    both = scene.chance.sample([BEA, CEM], 2)
    people = both if fate is Fate.START else both[:1]
    clicks = [person for person in people for _ in range(scene.chance.randint(1, 2))]
    clicks += [ANN] if scene.chance.random() < 0.3 else []
    scene.chance.shuffle(clicks)
    said = await asyncio.gather(*[scene.says(each, f"approve {job}", new_id()) for each in clicks])
    for person, reply in zip(clicks, said, strict=True):
        own = "you asked for it" in reply.text or "was approved" in reply.text
        assert reply.text if person is not ANN else own, reply.text
    if fate is Fate.DENY:
        assert (await scene.says(both[1], f"deny {job} because late", new_id())).text
    elif fate is Fate.WITHDRAW:
        assert (await scene.says(ANN, f"cancel {job}", new_id())).text


def check(scene: Scene, fate: Fate, job: Job, runs: Sequence[RunRecord]) -> None:
    """Hold the rows, and what the servers have seen, to what is promised."""
    started = [len(agent.started) for agent in scene.agents]
    assert {run.state for run in runs} == {fate.state}
    assert job.hold is not None
    if fate is not Fate.START:
        assert started == [0, 0]
        assert job.hold.opened is None
        return
    assert started == [1, 1]
    approved = [vote for vote in job.votes if vote.verdict is Verdict.APPROVE]
    assert sorted(vote.person.id for vote in approved) == ["U_BEA", "U_CEM"]
    assert job.hold.opened is not None
    assert all(vote.at <= job.hold.opened for vote in approved)


async def one_seed(lives: Lives, url: str, seed: int) -> bool:
    """Play it; return whether a bot died on the way."""
    scene = Scene(lives, url, seed)
    fate = scene.chance.choices(list(Fate), weights=[6, 1, 1])[0]
    await scene.begin()
    try:
        asked = await scene.says(ANN, "ship shop prod", f"ask-{seed}-{new_id()}")
        assert asked.ok, asked.text
        await votes(scene, asked.job, fate)

        async def is_told() -> bool:
            found = await scene.found(asked.job)
            return found is not None and found[0].reported

        await until(is_told, every=0.03)
        check(scene, fate, *await scene.found(asked.job))
        died = any(life.ended for life in scene.bots)
        await scene.restart()
        for life in scene.bots:
            for person, button in product([ANN, BEA], BUTTONS):
                old = await life.asked(person, f"{button} {asked.job}", new_id())
                assert old.text.startswith(f"ship shop prod ({asked.job[:6]}) "), old.text
                assert old.text.endswith(fate.ends), old.text
        check(scene, fate, *await scene.found(asked.job))
        return died
    except BaseException as error:
        error.add_note(f"seed {seed}, {fate.name}, {scene.fatal.name}")
        raise
    finally:
        await scene.end()


async def play(url: str, seeds: range) -> None:
    lives = Lives()
    died = [await one_seed(lives, url, seed) for seed in seeds]
    assert sum(died) > len(died) / 2, "hardly anybody dies"


async def test_whoever_dies_nothing_starts_twice_or_too_early(postgres_database: str) -> None:
    """Each server starts it once, after both approvals, or never if it is denied or withdrawn,
    whichever bot dies at which step. Then the dead bot starts again, and by either bot each button
    of the old post is answered by what became of the job."""
    await play(postgres_database, range(FIRST, FIRST + SEEDS))
