"""Probes on an agent: what it is asked, what it answers, and what it will not do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from baton.agent.journal import MemoryJournal
from baton.agent.probing import MAX_CONCURRENT, ProbeResult
from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.bus.api import API
from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.exchanges import DEAD_QUEUE, INPUT, OUTPUT, PROBED_QUEUE, host_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Look, Probe, Probed, decode, encode, now
from baton.errors import SettingsError
from baton.settings import load
from tests.baton.agent.test_service import listening
from tests.baton.stage import HOST, SERVER, agent, in_memory
from tests.support.queues import first_of
from tests.support.wait import until


class Eye:
    """Sees what it is told to."""

    checks = ("disk",)

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.release.set()
        self.looks: list[Look] = []
        self.ended = 0
        self.closed = False

    async def probe(self, look: Look) -> ProbeResult | None:
        self.looks.append(look)
        if look.url == "http://busy/":
            return None
        try:
            await self.release.wait()
        finally:
            self.ended += 1
        if look.url == "http://bug/":
            raise RuntimeError("a bug")
        return ProbeResult(True, f"{look.check} is full")

    async def close(self) -> None:
        self.closed = True


class Asker:
    """Asks, and keeps what it hears."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.heard: list[Probed] = []

    async def listen(self) -> None:
        await self.channel.declare(PROBED_QUEUE, [(OUTPUT, "probed.#")])
        await self.channel.consume(PROBED_QUEUE, self._hear)

    async def _hear(self, delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        assert isinstance(message, Probed)
        self.heard.append(message)
        await delivery.ack()

    async def ask(self, **changes: Any) -> Probe:
        values = {
            "host": HOST,
            "look": Look(check="disk"),
            "deadline": now() + timedelta(seconds=20),
        }
        probe = Probe(**{**values, **changes})
        await API(self.channel).publish(INPUT, host_key(HOST), probe, mandatory=True)
        return probe


class Scene:
    """An agent with an eye, and somebody who asks."""

    def __init__(self) -> None:
        bus = MemoryBus("test")
        self.eye = Eye()
        self.asker = Asker(MemoryChannel("memory://test", on=bus))
        self.journal = MemoryJournal()
        self.service = Service(
            MemoryChannel("memory://test", on=bus),
            SERVER,
            [],
            self.journal,
            drain=0.0,
            prober=self.eye,
        )

    async def __aenter__(self) -> Scene:
        await self.asker.listen()
        self.hearts = await listening(self.asker.channel)
        self.running = asyncio.create_task(self.service.run())
        await until(lambda: self.hearts.beats)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.service.stop()
        await self.running


async def test_it_looks_and_says_what_it_found() -> None:
    """The answer names the probe; nothing of it is in the journal, and heartbeats say the checks
    that it knows."""
    async with Scene() as scene:
        probe = await scene.asker.ask()
        await until(lambda: scene.asker.heard)
        (said,) = scene.asker.heard
        assert (said.probe, said.host, said.environment) == (probe.id, HOST, "prod")
        assert (said.bad, said.text) == (True, "disk is full")
        assert scene.hearts.beats[0].facts.checks == ("disk",)
        assert await scene.journal.open_entries() == ()
    assert scene.eye.closed


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"deadline": now() - timedelta(minutes=2)}, "after its deadline"),
        ({"host": "other"}, f"it is meant for other, but this server is {HOST}"),
        ({"look": Look(url="http://bug/")}, "the probe itself failed: RuntimeError"),
    ],
)
async def test_what_it_does_not_do_is_said(changes: dict[str, Any], text: str) -> None:
    """Whoever asks hears why there is no answer."""
    async with Scene() as scene:
        await scene.asker.ask(**changes)
        await until(lambda: scene.asker.heard)
        assert text in scene.asker.heard[0].text
        assert scene.asker.heard[0].bad


async def test_only_so_many_at_a_time() -> None:
    """A flood of probes does not take the server; each is answered in the end."""
    async with Scene() as scene:
        scene.eye.release.clear()
        for _ in range(MAX_CONCURRENT + 5):
            await scene.asker.ask()
        await until(lambda: len(scene.eye.looks) == MAX_CONCURRENT)
        scene.eye.release.set()
        await until(lambda: len(scene.asker.heard) == MAX_CONCURRENT + 5)


async def test_what_was_not_looked_at_says_nothing() -> None:
    """An agent that could not look says so, and so does one whose probe waited for others until its
    deadline: whoever asked knows no more than before."""
    async with Scene() as scene:
        await scene.asker.ask(look=Look(url="http://busy/"))
        await until(lambda: scene.asker.heard)
        assert not scene.asker.heard[0].looked
        assert "too many probes wait" in scene.asker.heard[0].text
        scene.eye.release.clear()
        for _ in range(MAX_CONCURRENT):
            await scene.asker.ask()
        await until(lambda: len(scene.eye.looks) == MAX_CONCURRENT + 1)
        late = await scene.asker.ask(deadline=now() + timedelta(seconds=0.2))
        await until(lambda: now() > late.deadline)
        scene.eye.release.set()
        await until(lambda: len(scene.asker.heard) == MAX_CONCURRENT + 2)
        unseen = [one.probe for one in scene.asker.heard[1:] if not one.looked]
        assert unseen == [late.id]


async def test_a_look_that_is_none_is_a_dead_letter() -> None:
    """It is refused where it comes in, whoever sent it past the bot."""
    async with Scene() as scene:
        probe = Probe(host=HOST, look=Look(tcp="db-1:5432"), deadline=now() + timedelta(seconds=20))
        body = encode(probe).replace(b"db-1:5432", b"nonsense")
        await scene.asker.channel.publish(INPUT, host_key(HOST), Envelope(body), mandatory=True)
        letter = await until(lambda: first_of(scene.asker.channel, DEAD_QUEUE))
        assert letter is not None
        assert "look.tcp" in letter.envelope.headers["baton-reason"]
        await letter.ack()
        assert scene.eye.looks == []


async def test_a_stopped_agent_ends_what_it_looks_at() -> None:
    """Nothing goes on behind it."""
    async with Scene() as scene:
        scene.eye.release.clear()
        await scene.asker.ask()
        await until(lambda: scene.eye.looks)
    assert (scene.eye.ended, scene.eye.closed) == (1, True)


async def test_an_agent_without_eyes() -> None:
    """It says so in its heartbeats, by saying nothing of checks; a probe is a dead letter there."""
    _, channel, stage = in_memory()
    async with agent(channel, []):
        await Asker(stage.channel).ask()
        assert "runs no probes" in (await stage.dead()).headers["baton-reason"]
    assert SERVER.facts().checks is None


@pytest.mark.parametrize("command", ['"check_disk -w 10%"', "[]", '[""]', "[3]"])
def test_a_check_is_a_list_of_words(tmp_path: Any, command: str) -> None:
    """Never a line for a shell."""
    file = tmp_path / "agent.toml"
    file.write_text(f"[checks.disk]\ncommand = {command}\n")
    with pytest.raises(SettingsError, match=r"checks\.disk\.command"):
        load(AgentSettings, file, {}, {})
