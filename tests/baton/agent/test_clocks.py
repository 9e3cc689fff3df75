"""Clocks that are wrong, and agents that come too late: nothing that was called expired is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from baton.agent.manager import MAX_UNREAD
from baton.agent.stall_detector import RECOVERY_TIME, StallDetector
from baton.bus.api import API, time_to_live, to_envelope
from baton.bus.channel import Envelope
from baton.bus.exchanges import INPUT, agent_queue, host_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.memory.delivery import MemoryDelivery
from baton.bus.messages import Discover, Look, Probe, State, now
from bot.run_changes import GRACE
from tests.baton.agent.hands import Hands
from tests.baton.stage import HOST, Clock, Stage, Worker, agent, request
from tests.support.buses import SimulatedTime
from tests.support.wait import until


class Scene:
    """An agent and a bot's end on a bus whose time is simulated."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.bus = MemoryBus("test", later=self.time.later)
        self.worker = Worker()
        self.wall = Clock()
        self.hands = Hands()
        self.stage = Stage(self.channel())

    def channel(self) -> MemoryChannel:
        return MemoryChannel("memory://test", on=self.bus)

    def agent(self) -> Any:
        stalls = StallDetector(self.hands)
        return agent(self.channel(), [self.worker], clock=self.wall, stalls=stalls)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.stage.listen()
    yield made
    await made.stage.channel.close()


@pytest.mark.parametrize("minutes", [5, -5, 60 * 24 * 365 * 5])
async def test_an_agent_whose_clock_is_wrong_does_what_comes_in_time(
    scene: Scene, minutes: int
) -> None:
    """Its clock is not asked: the bus counts the seconds."""
    scene.wall.pass_by(minutes=minutes)
    async with scene.agent():
        asked = request()
        await scene.stage.send(asked)
        assert (await scene.stage.ended(asked)).state is State.SUCCEEDED


@pytest.mark.parametrize("minutes", [0, 5, -5])
async def test_an_agent_that_was_down_for_longer_never_begins(scene: Scene, minutes: int) -> None:
    """Whatever its clock says when it is back. What is asked then is done."""
    scene.wall.pass_by(minutes=minutes)
    async with scene.agent():
        pass
    late = request()
    await scene.stage.send(late)
    scene.time.advance(61)
    async with scene.agent():
        asked = request()
        await scene.stage.send(asked)
        await scene.stage.ended(asked)
    assert scene.worker.started == [asked.id]
    assert (await scene.stage.dead()).id == late.id


@pytest.mark.parametrize("late", [True, False])
async def test_what_lay_unread_while_the_agent_stood_still_is_put_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Handed out in time, and read nobody knows how long after: the bus knows. It hands out anew
    what still counts, and never what is too late."""
    reject = MemoryDelivery.reject
    put_back = []

    async def slow(delivery: MemoryDelivery, *, requeue: bool) -> None:
        put_back.append(delivery.envelope.id)
        if late:
            scene.time.advance(61)
        await reject(delivery, requeue=requeue)

    monkeypatch.setattr(MemoryDelivery, "reject", slow)
    async with scene.agent():
        scene.hands.at += 40
        unread = request()
        await scene.stage.send(unread)
        if late:
            assert (await scene.stage.dead()).id == unread.id
        else:
            assert (await scene.stage.ended(unread)).state is State.SUCCEEDED
        scene.hands.at += RECOVERY_TIME + 0.1
        asked = request()
        await scene.stage.send(asked)
        await scene.stage.ended(asked)
    assert put_back == [unread.id]
    assert scene.worker.started == ([asked.id] if late else [unread.id, asked.id])


async def test_without_a_count_of_the_bus_the_clock_decides_and_is_named(scene: Scene) -> None:
    """A dead letter that is sent again, or a request of an older bot."""
    scene.wall.pass_by(minutes=5)
    async with scene.agent():
        asked = request()
        body = to_envelope(asked).body
        await scene.stage.channel.publish(INPUT, host_key(HOST), Envelope(body, id=asked.id))
        state, text = await scene.stage.ends(asked)
    assert state is State.EXPIRED
    assert text.startswith("it arrived 4 min ")
    assert text.endswith(f"by the clock of this server ({scene.wall.at:%H:%M:%S} UTC)")


def test_what_is_tolerated_is_begun_before_the_ledger_calls_it_expired() -> None:
    """A request may lie unread for so long."""
    assert MAX_UNREAD < GRACE


def test_how_long_a_message_counts() -> None:
    """What has a deadline counts until then, from its sending; all else for as long as it lasts."""
    assert time_to_live(request(deadline=now() + timedelta(minutes=1))) == pytest.approx(60, abs=1)
    probe = Probe(host=HOST, look=Look(check="disk"), deadline=now() + timedelta(seconds=20))
    assert to_envelope(probe).expires == pytest.approx(20, abs=1)
    assert to_envelope(Discover()).expires is None


async def test_a_request_for_another_environment_is_refused(scene: Scene) -> None:
    """To this host by name, or as a broadcast: an agent answers for its own environment only."""
    async with scene.agent() as manager:
        queue = agent_queue(HOST)
        await scene.stage.channel.declare(queue, [(INPUT, "work.staging")])
        ends = []
        for wrong in (
            request(environment="staging"),
            request(environment="staging", host=None),
        ):
            key = host_key(HOST) if wrong.host else "work.staging"
            await API(scene.stage.channel).publish(INPUT, key, wrong, mandatory=True)
            ends.append(await scene.stage.ends(wrong))
        assert host_key(HOST) in manager.keys
    text = "it is meant for staging, but this server is in prod"
    assert ends == [(State.REFUSED, text)] * 2
    assert scene.worker.started == []


async def test_a_message_that_breaks_the_agent_is_buried_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not come twenty times, and what comes after it is done."""
    async with scene.agent() as manager:
        accept, calls = manager._journal.accept, []

        async def broken(asked: Any, final: Any = None) -> Any:
            calls.append(asked.id)
            if len(calls) == 1:
                raise OverflowError("a fault")
            return await accept(asked, final)

        monkeypatch.setattr(manager._journal, "accept", broken)
        bad, good = request(), request()
        await scene.stage.send(bad)
        letter = await scene.stage.dead()
        await scene.stage.send(good)
        await scene.stage.ended(good)
    assert (letter.id, calls) == (bad.id, [bad.id, good.id])
    assert letter.headers["baton-reason"] == "handling it failed: OverflowError"
    await until(lambda: scene.worker.started == [good.id])
