"""Asking agents to look: what an answer, and what none, says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import bot.alerting.agent_prober
from baton.agent.probing import ProbeResult
from baton.bus.channel import Delivery, Link
from baton.bus.exchanges import INPUT, agent_queue, host_key
from baton.bus.facts import Facts
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Heartbeat, Look, Probe, Probed, decode, now
from bot.alerting.agent_prober import SETTLING_TIME, AgentProber
from tests.support.servers import make_registry
from tests.support.wait import until

LOOK = Look(check="disk", timeout=0.02)
HOST = "web-1"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.alerting.agent_prober, "TRANSIT_TIME", 0.48)


class Scene:
    """Agents as a bot has them, with a clock that moves when it is told to, and one agent."""

    def __init__(self) -> None:
        self.time = now()
        self.bus = MemoryBus("test")
        self.channel = MemoryChannel("memory://test", on=self.bus)
        self.roster = make_registry(lambda: self.time)
        self.roster.link_changed(Link.UP)
        self.agents = AgentProber(self.channel, self.roster, "bot", lambda: self.time)
        self.asked: list[Probe] = []
        self.finds: ProbeResult | None = ProbeResult(True, "full")

    async def listen(self) -> None:
        await self.channel.declare(agent_queue(HOST), [(INPUT, host_key(HOST))])
        await self.channel.consume(agent_queue(HOST), self._asked)

    async def _asked(self, delivery: Delivery) -> None:
        probe = decode(delivery.envelope.body)
        assert isinstance(probe, Probe)
        self.asked.append(probe)
        await delivery.ack()
        if self.finds is not None:
            self.answer(probe, self.finds)

    def answer(self, probe: Probe, found: ProbeResult) -> None:
        said = Probed(probe=probe.id, host=HOST, environment="prod", bad=found.bad, text=found.text)
        self.agents.receive(said)

    def beat(self, leaving: bool = False, **facts: Any) -> None:
        known = Facts(**{"host": HOST, "environment": "prod", "checks": ("disk",), **facts})
        self.roster.record(Heartbeat(facts=known, interval=15.0, leaving=leaving))

    def passes(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def look(self, host: str = HOST, look: Look = LOOK) -> ProbeResult | None:
        return await self.agents.look("disk", host, look)

    def owed(self) -> ProbeResult | None:
        return self.agents.overdue_answer("disk", HOST)


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    await made.listen()
    return made


async def test_what_an_agent_finds(scene: Scene) -> None:
    """It is asked on its own key, with a deadline, and its word counts."""
    scene.beat()
    assert await scene.look() == ProbeResult(True, "full")
    (probe,) = scene.asked
    assert (probe.host, probe.look) == (HOST, LOOK)
    assert (probe.deadline - scene.time).total_seconds() == pytest.approx(0.5)


async def test_an_agent_that_could_not_look(scene: Scene) -> None:
    """Says nothing of what it was to look at."""
    scene.beat()
    scene.finds = None
    looking = asyncio.create_task(scene.look())
    await until(lambda: scene.asked)
    unseen = Probed(
        probe=scene.asked[0].id, host=HOST, environment="prod", bad=True, text="x", looked=False
    )
    scene.agents.receive(unseen)
    assert await looking is None
    assert scene.owed() is None


async def test_who_is_silent_is_not_asked(scene: Scene) -> None:
    """Nothing piles up for an agent that is gone, or was stopped; nothing is said of what it was
    to look at. Nor is anything while we ourselves hear nobody."""
    scene.beat()
    scene.passes(46)
    assert await scene.look() is None
    scene.beat(leaving=True)
    assert await scene.look() is None
    scene.beat()
    scene.roster.link_changed(Link.DOWN)
    assert await scene.look() is None
    assert scene.asked == []


async def test_a_name_that_nobody_has(scene: Scene) -> None:
    """Whoever is there is heard within a minute: a probe for somebody else is bad, and says so."""
    scene.beat()
    assert await scene.look("web-11") is None
    scene.passes(SETTLING_TIME)
    scene.beat()
    found = await scene.look("web-11")
    assert found is not None
    assert found.bad
    assert found.text == "no agent called web-11 is known. Did you mean web-1?"


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        (None, "its agent (2.0) is too old to run probes"),
        ((), "its agent has no check disk (none is configured)"),
        (("load", "swap"), "its agent has no check disk (configured: load, swap)"),
    ],
)
async def test_an_agent_that_cannot(
    scene: Scene, checks: tuple[str, ...] | None, text: str
) -> None:
    """Its heartbeats say what it knows: what it does not is bad, and is not even asked."""
    scene.beat(checks=checks, version="2.0")
    found = await scene.look()
    assert found is not None
    assert found.bad
    assert text in found.text
    assert scene.asked == []


async def test_no_answer_counts_once_the_agent_was_heard_again(scene: Scene) -> None:
    """An agent that beats and does not answer is bad; whether it beats is known only later."""
    scene.beat()
    scene.finds = None
    assert await scene.look() is None
    scene.passes(10)
    assert scene.owed() is None
    scene.beat()
    found = scene.owed()
    assert found is not None
    assert (found.bad, found.text) == (
        True,
        "its agent sends heartbeats, but did not answer this probe",
    )
    assert scene.owed() is None


async def test_no_answer_of_one_that_went_is_nothing(scene: Scene) -> None:
    """It is silent: that is known by itself."""
    scene.beat()
    scene.finds = None
    assert await scene.look() is None
    scene.passes(50)
    assert scene.owed() is None
    scene.beat()
    assert scene.owed() is None


async def test_no_answer_while_we_were_blind_is_nothing(scene: Scene) -> None:
    """It may have been given."""
    scene.beat()
    scene.finds = None
    assert await scene.look() is None
    scene.passes(1)
    scene.roster.link_changed(Link.DOWN)
    assert scene.owed() is None
    scene.passes(1)
    scene.roster.link_changed(Link.UP)
    scene.beat()
    assert scene.owed() is None


async def test_an_answer_that_comes_too_late_is_of_no_use(scene: Scene) -> None:
    """Nobody waits for it; the next one is."""
    scene.beat()
    scene.finds = None
    assert await scene.look() is None
    scene.answer(scene.asked[0], ProbeResult(True, "old"))
    scene.finds = ProbeResult(False)
    assert await scene.look() == ProbeResult(False)
    scene.passes(1)
    scene.beat()
    assert scene.owed() is None


async def test_the_bus_gone_says_nothing_of_the_server(scene: Scene) -> None:
    """We could not ask."""
    scene.beat()
    scene.bus.down()
    assert await scene.look() is None
    assert scene.owed() is None


async def test_an_agent_without_an_inbox() -> None:
    """Nobody listening is an error."""
    scene = Scene()
    scene.beat()
    found = await scene.look()
    assert found is not None
    assert "has no queue for requests" in found.text


async def test_several_at_once(scene: Scene) -> None:
    """Each answer goes to who asked."""
    scene.beat()
    scene.finds = None
    looks = [
        asyncio.create_task(scene.agents.look(name, HOST, Look(check="disk", timeout=20.0)))
        for name in ("a", "b")
    ]
    await until(lambda: len(scene.asked) == 2)
    for number, probe in enumerate(reversed(scene.asked)):
        scene.answer(probe, ProbeResult(True, f"{number}"))
    assert await asyncio.gather(*looks) == [ProbeResult(True, "1"), ProbeResult(True, "0")]
