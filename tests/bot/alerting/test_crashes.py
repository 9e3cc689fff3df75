"""kill -9 of the bot between every two steps from the decision to the post."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from baton.bus.channel import Link
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from bot.store import Store
from tests.bot.alerting.world import SILENT, WAIT, Clock, none_waits, quick, says, settings
from tests.bot.dying import Doom, Doomed, Lives, kill
from tests.bot.fake_front import FakeFront
from tests.bot.world import Agent, a_bot, wanted
from tests.support.wait import until

AT_ONCE = 8


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch), capture_logs():
        yield


class Life:
    """One bot that keeps watch, from its start to its death."""

    def __init__(self, lives: Lives, url: str, front: FakeFront, clock: Clock, bus: MemoryBus):
        self._lives, self._url, self._front, self._clock = lives, url, front, clock
        self._bus = bus
        self.doom = Doom(0)
        self.channel = MemoryChannel("memory://test", on=bus)

    async def start(self, doom: Doom) -> None:
        self.doom = doom
        self.store = await Store.open(self._url)
        doomed: Any = self.store
        self.truth = self.store.alerts
        doomed.alerts = Doomed(self.store.alerts, doom, "write", "mark_reported")
        doomed.posts = Doomed(self.store.posts, doom, "claim", "mark_shown", "mark_waiting")
        doomed.leases = Doomed(self.store.leases, doom)
        doomed.ledger = Doomed(self.store.ledger, doom)
        doomed.servers = Doomed(self.store.servers, doom)
        front: Any = Doomed(self._front, doom, "post", "edit", "find")
        alerts = wanted(settings(), self._front.name, steady=self._clock.steady)
        self.bot = a_bot(self.store, self.channel, front, lease=1.0, alerts=alerts)
        runner = self.bot.alert_runner
        assert runner is not None
        with self._lives.of(self):
            await self.bot.start()
        await until(lambda: doom.dead or (runner.engine and runner.engine.blind_since is None))

    async def end(self) -> None:
        self.doom.came.set()
        self._bus.leave(self.channel)
        self.channel.set_link(Link.DOWN, "killed")
        kill(self.bot)
        await self._lives.end(self)
        await self.store._database.close()

    async def says(self, state: str, agent: Agent | None = None) -> None:
        """Return once that is said, and noted; or the bot is dead. Time passes until then, and
        `agent` beats: what comes while the bot is blind is not heard."""

        async def shown() -> bool:
            if self.doom.dead:
                return True
            self._clock.now += 2.0
            if agent is not None:
                await agent.beat()
            return says(self._front, state)() and not await self.truth.unreported()

        await until(shown, 60, every=0.05)

    async def passes(self, seconds: float) -> None:
        self._clock.now += seconds
        runner = self.bot.alert_runner
        assert runner is not None
        rounds = runner.rounds
        await until(lambda: self.doom.dead or runner.rounds >= rounds + 2)


async def scenario(lives: Lives, url: str, at: int) -> list[str]:
    """An agent dies and comes back; the bot dies at step `at`, and is started anew."""
    bus, front, clock = MemoryBus("test"), FakeFront(), Clock()

    async def agent() -> Agent:
        made = Agent(MemoryChannel("memory://test", on=bus), "web-1")
        await made.start()
        await made.beat()
        return made

    life = Life(lives, url, front, clock, bus)
    await life.start(Doom(at))
    silent = await agent()

    async def known() -> bool:
        """It beats until it is stored: on a busy machine the lease may be lost in between."""
        await silent.beat()
        return life.doom.dead or bool((await life.truth.load()).checks)

    await until(known, 60, every=0.05)
    await life.passes(0)
    await silent.channel.close()
    for seconds in (SILENT, WAIT):
        await life.passes(seconds)
    await life.says("firing")
    if not life.doom.dead:
        await life.says("resolved", await agent())
    steps, life.doom.at = list(life.doom.steps), 0
    if life.doom.dead:
        await life.end()
        life = Life(lives, url, front, clock, bus)
        await life.start(Doom(0))
        if not says(front, "resolved")():
            for seconds in (SILENT, SILENT, WAIT):
                await life.passes(seconds)
        alive = await agent()

        async def resolved() -> bool:
            await alive.beat()
            clock.now += 2.0
            return not (await life.truth.load()).episodes

        await until(resolved, 60, every=0.05)
    # dead before the first word was decided, or after it: either way one post at most, and true
    await life.passes(0)
    await none_waits(life.store)
    keys = [message.key for message in front.shown]
    assert len(keys) == len(set(keys))
    assert not keys or says(front, "resolved")()
    await life.end()
    return steps if len(steps) == at else []


async def test_the_bot_dies_between_every_two_steps(database: str, tmp_path: Path) -> None:
    """Whenever it dies, the alert is said once, in one post, which ends as it should."""
    lives = Lives()

    async def die(at: int) -> list[str]:
        file = tmp_path / f"life-{at}.db"
        shutil.copy(database.removeprefix("sqlite:///"), file)
        return await scenario(lives, f"sqlite:///{file}", at)

    points: list[str] = []
    for first in range(1, 200, AT_ONCE):
        deaths = await asyncio.gather(*(die(at) for at in range(first, first + AT_ONCE)))
        points += [steps[-1] for steps in deaths if steps]
        if not all(deaths):
            break
    assert len(points) >= 20
    kinds = {step.split()[1] for step in points}
    assert kinds >= {"write", "claim", "post", "mark_shown", "edit", "mark_reported"}
