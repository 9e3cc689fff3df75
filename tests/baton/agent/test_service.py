"""An agent's life: heartbeats, links, its end; as a real process where that matters."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from baton.agent.journal import MemoryJournal
from baton.agent.service import Service, journal_path, set_up_consumers
from baton.agent.settings import AgentSettings
from baton.bus.amqp import AmqpChannel
from baton.bus.channel import Delivery
from baton.bus.exchanges import HEARTBEAT_QUEUE, OUTPUT, agent_queue
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import LAST_SEQUENCE, Discover, Heartbeat, State, decode
from baton.consumer import Extension
from baton.errors import ExtensionError, SettingsError
from baton.extensions import Commands
from tests.baton.stage import HOST, SERVER, Stage, Work, Worker, request
from tests.support.agent import AgentProcess
from tests.support.broker import Broker
from tests.support.wait import until


class Hearts:
    """Hears heartbeats."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []

    async def __call__(self, delivery: Delivery) -> None:
        beat = decode(delivery.envelope.body)
        assert isinstance(beat, Heartbeat)
        self.beats.append(beat)
        await delivery.ack()


async def listening(channel: Any) -> Hearts:
    hearts = Hearts()
    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    await channel.consume(HEARTBEAT_QUEUE, hearts)
    return hearts


class Scene:
    """A service in this process, over memory."""

    def __init__(self, **options: Any) -> None:
        self.bus = MemoryBus("test")
        self.channel = MemoryChannel("memory://test", on=self.bus)
        self.stage = Stage(MemoryChannel("memory://test", on=self.bus))
        self.worker = Worker()
        self.service = Service(
            self.channel, SERVER, [self.worker], MemoryJournal(), **{"drain": 0.0, **options}
        )


async def test_it_beats_with_its_facts_and_says_good_bye() -> None:
    """Who it is, what it can do, when the next beat follows; and that it leaves, at the end."""
    scene = Scene(heartbeat=0.02)
    hearts = await listening(scene.stage.channel)
    running = asyncio.create_task(scene.service.run())
    await until(lambda: len(hearts.beats) >= 3)
    scene.service.stop()
    await running
    beat, *_, last = hearts.beats
    assert (beat.facts.host, beat.facts.environment) == (HOST, "prod")
    assert (beat.facts.commands, beat.interval, beat.leaving) == (("work",), 0.02, False)
    assert last.leaving


async def test_who_hears_of_it_can_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first heartbeat comes after its inbox: nobody who asks then finds nobody listening."""
    scene = Scene()
    channel = scene.stage.channel
    depths: list[int | None] = []

    async def heard(delivery: Delivery) -> None:
        depths.append(await channel.depth(agent_queue(HOST)))
        await delivery.ack()

    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    await channel.consume(HEARTBEAT_QUEUE, heard)
    start = scene.service.manager.start

    async def slow() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        await start()

    monkeypatch.setattr(scene.service.manager, "start", slow)
    running = asyncio.create_task(scene.service.run())
    await until(lambda: depths)
    assert depths[0] is not None
    scene.service.stop()
    await running


async def test_it_beats_while_it_drains() -> None:
    """A server that finishes its work is not down."""
    scene = Scene(heartbeat=0.02, drain=20.0)
    await scene.stage.listen()
    hearts = await listening(scene.stage.channel)
    running = asyncio.create_task(scene.service.run())
    await until(lambda: hearts.beats)
    await scene.stage.send(asked := request("wait"))
    await until(lambda: scene.worker.started)
    scene.service.stop()
    before = len(hearts.beats)
    await until(lambda: len(hearts.beats) > before + 2)
    scene.worker.release.set()
    await running
    assert (await scene.stage.ends(asked))[0] is State.SUCCEEDED


async def test_a_bot_that_asks_is_answered_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only at the next beat, and not all agents in the same instant."""
    monkeypatch.setattr("random.random", lambda: 0.01)
    scene = Scene(heartbeat=1000.0)
    hearts = await listening(scene.stage.channel)
    running = asyncio.create_task(scene.service.run())
    await until(lambda: hearts.beats)
    before = len(hearts.beats)
    await scene.stage.send(Discover(), "discover")
    await until(lambda: len(hearts.beats) > before)
    scene.service.stop()
    await running


async def test_it_beats_again_when_the_bus_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the link is down nothing is kept; when it is up a beat goes out at once."""
    monkeypatch.setattr("random.random", lambda: 0.01)
    scene = Scene(heartbeat=1000.0)
    scene.bus.down()
    running = asyncio.create_task(scene.service.run())
    await until(lambda: scene.service.manager._inbox._subscriptions)
    scene.bus.up()
    hearts = await listening(scene.stage.channel)
    await until(lambda: hearts.beats)
    scene.service.stop()
    await running


def test_tables_and_commands_fit() -> None:
    """A table of no command names the nearest; a command may not take a table of the agent's."""
    commands = Commands([Extension(Work, Worker)])
    with pytest.raises(SettingsError) as raised:
        set_up_consumers(SERVER, commands, {"wrok": {}}, "agent.toml")
    assert str(raised.value) == (
        "agent.toml: wrok: there is no such table (did you mean work?). "
        "It must be one of bus, server, agent, checks, probes, signing, allow, work."
    )
    with pytest.raises(SettingsError, match=r"work\.colour: there is no such key"):
        set_up_consumers(SERVER, commands, {"work": {"colour": "red"}}, "agent.toml")

    class Bus(Work):
        """Take one."""

        name = "bus"

    class BusConsumer(Worker):
        command = Bus

    with pytest.raises(ExtensionError, match="the settings of an agent have a table bus"):
        set_up_consumers(SERVER, Commands([Extension(Bus, BusConsumer)]), {}, "agent.toml")


async def test_nothing_starts_half_way(tmp_path: Path) -> None:
    """Without a bus the agent says which key is missing, before anything is opened."""
    settings = AgentSettings.model_validate(
        {"server": {"environment": "prod", "fqdn": HOST}, "agent": {"state": tmp_path / "state"}}
    )
    with pytest.raises(SettingsError, match=r"bus\.url: is not set\. .*BATON_BUS_URL"):
        await Service.from_settings(settings, Commands([]), file="agent.toml")
    assert not os.listdir(tmp_path)
    assert journal_path(tmp_path, SERVER) == tmp_path / f"journal-{HOST}.sqlite"


# As a process, over RabbitMQ.


@pytest.fixture
def agent(tmp_path: Path, amqp_url: str) -> Iterator[AgentProcess]:
    made = AgentProcess(tmp_path, amqp_url, HOST)
    yield made
    made.close()


@pytest.fixture
async def stage(amqp_url: str) -> AsyncIterator[Stage]:
    made = Stage(await AmqpChannel.open([amqp_url], name="bot"))
    await asyncio.wait_for(made.channel.wait_up(), 60)
    await made.listen()
    yield made
    await made.channel.close()


async def up(agent: AgentProcess, stage: Stage) -> Hearts:
    """The agent, started and heard."""
    hearts = await listening(stage.channel)
    agent.start()
    await until(lambda: hearts.beats)
    return hearts


def work(tmp_path: Path, lines: int, apart: float) -> Any:
    arguments = {"environment": "prod", "file": str(tmp_path / "starts")}
    return request(arguments={**arguments, "lines": lines, "apart": apart})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_it_drains_on_a_signal(
    agent: AgentProcess, stage: Stage, tmp_path: Path, number: signal.Signals
) -> None:
    """A run that is stopped says so, the agent says good-bye and ends with code 0. A terminal that
    is closed is no reason to leave what runs alone."""
    hearts = await up(agent, stage)
    await stage.send(asked := work(tmp_path, 1000, 0.05))
    await until(lambda: len(stage.about(asked)) > 2)
    assert await agent.signal(number) == 0
    assert await stage.ends(asked) == (State.INTERRUPTED, "the agent was stopped")
    await until(lambda: hearts.beats[-1].leaving)


async def test_killed_in_a_step_it_reports_interrupted(
    agent: AgentProcess, stage: Stage, tmp_path: Path
) -> None:
    """kill -9 in the middle of a run: the next life says that it was interrupted, also if the
    broker delivers the request again, and does not start it a second time."""
    await up(agent, stage)
    await stage.send(asked := work(tmp_path, 1000, 0.05))
    await until(lambda: len(stage.about(asked)) > 2)
    assert await agent.signal(signal.SIGKILL) == -signal.SIGKILL
    await stage.send(asked)
    agent.start()
    update = await stage.ended(asked)
    assert (update.state, update.sequence) == (State.INTERRUPTED, LAST_SEQUENCE)
    assert "check the server before you try again" in update.text
    await stage.send(probe := work(tmp_path, 1, 0))
    assert (await stage.ends(probe))[0] is State.SUCCEEDED
    assert (tmp_path / "starts").read_text().split() == [asked.id, probe.id]
    assert {each.id for each in stage.about(asked) if each.state.final} == {update.id}


async def test_a_broker_that_is_away_for_a_while(
    agent: AgentProcess, stage: Stage, tmp_path: Path, broker: Broker
) -> None:
    """A run goes on while the broker is restarted; all that it said arrives, in order, once."""
    await up(agent, stage)
    await stage.send(asked := work(tmp_path, 60, 0.1))
    await until(lambda: len(stage.about(asked)) > 5)
    await broker.stop()
    await asyncio.to_thread(broker.start_now)
    await until(lambda: stage.end(asked))
    heard = [update.sequence for update in stage.about(asked)]
    assert list(dict.fromkeys(heard)) == list(range(1, 63))
    assert (tmp_path / "starts").read_text().split() == [asked.id]


async def test_an_idle_agent_is_small(agent: AgentProcess, stage: Stage) -> None:
    """Under 50 MB, with its links up and its journal open."""
    await up(agent, stage)
    assert psutil.Process(agent.pid).memory_info().rss < 50 * 2**20
