"""Probes: what the bot looks at by itself, and what it has agents look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import respx

from baton.agent.journal import MemoryJournal
from baton.agent.probing import Prober, ProbeResult
from baton.agent.service import Service
from baton.agent.settings import AgentSettings, ProbesTable
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Heartbeat, Look
from baton.server import Server
from bot.app.bot import Bot
from commands.probes import LocalProber
from tests.bot.alerting.world import SILENT, WAIT, Watchers, alerts_in, quick, says
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


SHOP = "http://127.0.0.1/shop"


@pytest.fixture
def shop(respx_mock: respx.MockRouter) -> respx.Route:
    """A shop on the web, which is well."""
    return respx_mock.get(SHOP).respond(200)


async def test_down_after_three_and_up_after_two(shop: respx.Route, stage: Stage) -> None:
    """A bot that leads probes by itself; what is down for long enough is said, and its end too."""
    probe = {"name": "shop", "url": SHOP, "every": 0.02, "env": "prod"}
    world = Watchers(stage, probe=[probe])
    made = await world.bot()
    await until(lambda: shop.called)
    shop.respond(503)
    asked = shop.call_count
    await until(lambda: shop.call_count > asked + 4)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    shop.respond(200)
    await until(says(stage.front, "resolved"))


class Eye:
    """What an agent sees."""

    checks = ("disk",)

    def __init__(self) -> None:
        self.finds = ProbeResult(False)
        self.looks = 0

    async def probe(self, look: Look) -> ProbeResult:
        self.looks += 1
        return self.finds

    async def close(self) -> None:
        pass


class Agent:
    """A real agent in this process, which beats when it is told to."""

    def __init__(self, stage: Stage, host: str = "web-1", prober: Prober | None = None) -> None:
        self.eye = Eye()
        self.channel: MemoryChannel = stage.channel()
        server = Server("prod", host)
        self.service = Service(
            self.channel,
            server,
            [],
            MemoryJournal(),
            heartbeat=15.0,
            drain=0.0,
            prober=prober or self.eye,
        )
        self.running = asyncio.create_task(self.service.run())

    async def die(self) -> None:
        """As if its power had gone."""
        self.channel.cut()
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.fixture
async def world(stage: Stage) -> Watchers:
    probe: dict[str, Any] = {"name": "disk", "host": "web-1", "command": "disk", "every": 0.02}
    return Watchers(stage, probe=[probe])


@pytest.fixture
async def made(world: Watchers) -> Bot:
    return await world.bot()


@pytest.fixture
async def agent(world: Watchers, made: Bot) -> AsyncIterator[Agent]:
    agent = Agent(world.stage)
    await until(lambda: made.updates.received[Heartbeat.type] and agent.eye.looks)
    yield agent
    await agent.die()


async def test_an_agent_looks_for_the_bot(
    stage: Stage, world: Watchers, made: Bot, agent: Agent
) -> None:
    """What its check finds for long enough is said, with its words; no job and no journal has
    it."""
    agent.eye.finds = ProbeResult(True, "critical: 2% free")
    looks = agent.eye.looks
    await until(lambda: agent.eye.looks > looks + 4)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    content: Any = message.content
    assert content.title == "command web-1 probe=disk"
    assert "critical: 2% free" in content.rows[0][2]
    agent.eye.finds = ProbeResult(False, "40% free")
    await until(says(stage.front, "resolved"))
    assert await stage.store.ledger.recent(10) == []


async def test_a_dead_agent_is_one_alert(
    stage: Stage, world: Watchers, made: Bot, agent: Agent
) -> None:
    """Its silence is told; what it was to look at is not known, which is no alert."""
    await agent.die()
    await world.pass_time(made, SILENT + 1)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    content: Any = message.content
    assert content.title == "silent web-1 in prod"


async def test_who_answers_is_alive(stage: Stage, world: Watchers, made: Bot, agent: Agent) -> None:
    """Answers to probes keep an agent from being called silent, if its heartbeats are lost."""
    made.alerts.heartbeat_received = lambda beat: None  # type: ignore[method-assign]
    for _ in range(5):
        looks = agent.eye.looks
        await until(lambda looks=looks: agent.eye.looks > looks + 1)  # type: ignore[misc]
        await world.round(made)
        await world.pass_time(made, SILENT - 5)
    assert alerts_in(stage.front) == []


@pytest.mark.parametrize("allowed", [False, True])
async def test_an_agent_reaches_what_its_own_file_allows(
    shop: respx.Route, stage: Stage, allowed: bool
) -> None:
    """Nothing else, whoever asks: the channel reads what to add, and where. What the bot looks at
    by itself is in its own alerts.toml, and needs no leave."""
    given = {"url": SHOP, "every": 0.02}
    world = Watchers(
        stage, probe=[{"name": "inside", "host": "web-1", **given}, {"name": "outside", **given}]
    )
    made = await world.bot()
    settings = AgentSettings(probes=ProbesTable(allow=(SHOP,) if allowed else ()))
    agent = Agent(stage, prober=LocalProber.of(settings))
    await until(lambda: made.updates.received[Heartbeat.type] and shop.call_count > 10)
    await world.round(made)
    await world.pass_time(made, WAIT)
    if allowed:
        assert alerts_in(stage.front) == []
    else:
        await until(says(stage.front, "firing"))
        (message,) = alerts_in(stage.front)
        content: Any = message.content
        assert content.title == "http web-1 probe=inside"
        shown = f"this agent does not allow {SHOP}: add it to [probes] allow"
        assert shown in content.rows[0][2]
    await agent.die()
