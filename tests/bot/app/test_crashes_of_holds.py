"""kill -9 of either of two bots at each step of asking, voting and starting, over PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

import bot.app.upkeep
import bot.posts.queue
import bot.posts.reconciler
from baton.bus.channel import Link
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Person, State, new_id
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply
from bot.holds import Verdict
from bot.jobs import Place
from bot.store import Store
from tests.bot.build import ANN
from tests.bot.dying import Doom, Doomed, DoomedChannel, Lives, kill
from tests.bot.fake_front import Crash, FakeFront
from tests.bot.world import Agent, a_bot, no_groups
from tests.support.wait import until

# a bot that dies within a transaction gives no connection back: what is left of it is collected
pytestmark = [
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HOSTS = ("web-1", "web-2")
PLACE = Place("slack", "C_OPS")
BEA, CEM = (Person(id=f"U_{name.upper()}", name=name) for name in ("bea", "cem"))
GATES = (GateTable(approvals=2, of=("U_BEA", "U_CEM"), expires=3_600),)
STEPS = 30
"""Steps among which a bot dies; a life that needs fewer does not die."""
SEEDS = int(os.environ.get("BATON_SEEDS", "8"))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(bot.posts.reconciler, "INTERVAL", 0.01)
    with capture_logs():  # drawing the traceback of each death takes longer than all the rest
        yield


class Life:
    """One bot, from its start to its death."""

    def __init__(self, lives: Lives, url: str, bus: MemoryBus, front: FakeFront, at: int) -> None:
        self._lives, self._url, self._bus, self._front = lives, url, bus, front
        self.doom = Doom(at)
        self.ended = False
        self.channel = MemoryChannel("memory://test", on=bus)

    async def start(self) -> None:
        self.store = await Store.open(self._url)
        self.truth = self.store.ledger
        doomed: Any = self.store
        steps = ("start_job", "vote", "change_held", "settle", "apply_updates", "mark_reported")
        doomed.ledger = Doomed(self.store.ledger, self.doom, *steps)
        doomed.posts = Doomed(self.store.posts, self.doom)
        doomed.leases = Doomed(self.store.leases, self.doom)
        channel: Any = DoomedChannel(self.channel, self.doom)
        front: Any = Doomed(self._front, self.doom)
        self.bot = a_bot(self.store, channel, front, lease=0.3, gates=GATES)
        with self._lives.of(self):
            await self.bot.start()

    async def end(self) -> None:
        self.ended = True
        self.doom.came.set()
        self._bus.leave(self.channel)
        self.channel.set_link(Link.DOWN, "killed")
        kill(self.bot)
        await self._lives.end(self)
        await self.store._database.close()


class Scene:
    """Two bots, one of which dies at a step, and people who ask again until they are answered."""

    def __init__(self, lives: Lives, url: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bus, self.front = MemoryBus("test"), FakeFront()
        dies = self.chance.randrange(2)
        at = self.chance.randint(1, STEPS)
        self.bots = [
            Life(lives, url, self.bus, self.front, at if number == dies else 10**9)
            for number in range(2)
        ]
        self.agents = [Agent(MemoryChannel("memory://test", on=self.bus), host) for host in HOSTS]

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
            return all(count == len(HOSTS) for count in found)

        await until(are_known, every=0.03)

    async def living(self) -> list[Life]:
        """The bots that are alive. What a dead one had of RabbitMQ is given to the other."""
        for life in self.bots:
            if life.doom.dead and not life.ended:
                await life.end()
        return [life for life in self.bots if not life.doom.dead]

    async def says(self, person: Person, text: str, key: str) -> Reply:
        """Ask either bot, and if it dies the other one."""
        while True:
            life = self.chance.choice(await self.living())
            try:
                return await life.bot.dispatcher.ask(
                    text, asker=person, groups=no_groups, place=PLACE, key=key
                )
            except Crash:
                assert life.doom.dead

    async def found(self, job: str) -> Any:
        return await (await self.living())[0].truth.job(job)

    async def end(self) -> None:
        for life in self.bots:
            if not life.ended:
                await life.end()


async def one_seed(lives: Lives, url: str, seed: int) -> bool:
    """Play it; return whether a bot died on the way."""
    scene = Scene(lives, url, seed)
    await scene.begin()
    try:
        asked = await scene.says(ANN, "ship shop prod", f"ask-{seed}-{new_id()}")
        assert asked.ok, asked.text
        for person in scene.chance.sample([BEA, CEM], 2):
            for _ in range(scene.chance.randint(1, 2)):
                voted = await scene.says(person, f"approve {asked.job}", new_id())
                assert voted.text, seed
            if person is not CEM and scene.chance.random() < 0.3:
                own = await scene.says(ANN, f"approve {asked.job}", new_id())
                assert "you asked for it" in own.text or "was approved" in own.text

        async def is_told() -> bool:
            found = await scene.found(asked.job)
            return found is not None and found[0].reported

        await until(is_told, every=0.03)
        job, runs = await scene.found(asked.job)
        assert {run.state for run in runs} == {State.SUCCEEDED}, seed
        assert [len(agent.started) for agent in scene.agents] == [1, 1], seed
        voters = {vote.person.id for vote in job.votes if vote.verdict is Verdict.APPROVE}
        assert voters == {"U_BEA", "U_CEM"}, seed
        assert job.hold is not None
        assert job.hold.opened is not None
        assert all(vote.at <= job.hold.opened for vote in job.votes), seed
        old = await scene.says(BEA, f"approve {asked.job}", new_id())
        assert "and started at" in old.text, seed
        assert old.text.endswith("it ended: 2 succeeded."), seed
        return any(life.ended for life in scene.bots)
    finally:
        await scene.end()


async def play(url: str, seeds: range) -> None:
    lives = Lives()
    died = [await one_seed(lives, url, seed) for seed in seeds]
    assert sum(died) > len(died) / 4, "the steps are too many: nobody dies"


async def test_whoever_dies_nothing_starts_twice_or_too_early(postgres_database: str) -> None:
    """Each server starts it once, after both approvals, whichever bot dies at which step; and an
    old button says what became of it."""
    await play(postgres_database, range(SEEDS))
