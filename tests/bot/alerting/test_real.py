"""A real run: three agents, processes of their own, over RabbitMQ and PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from alerts import AlertContent
from baton.bus.amqp import AmqpChannel
from baton.bus.exchanges import PROBED_QUEUE, agent_queue
from bot.store import Store
from tests.bot.alerting.world import alerts_in, none_waits, says, settings
from tests.bot.fake_front import FakeFront
from tests.bot.world import Stage, wanted
from tests.support.agent import AgentProcess
from tests.support.wait import until
from tests.support.web import answering

BEAT, GROUP_WAIT = 1.0, 1.0
SLOW = 8.0
"""Seconds that a busy machine may take, for all from the broker to the message. In simulated time
tests.alerts grants none."""
HOSTS = ("web-1", "web-2", "web-3")


@pytest.fixture
async def agents(tmp_path: Path, amqp_url: str) -> AsyncIterator[dict[str, AgentProcess]]:
    made = {}
    for host in HOSTS:
        folder = tmp_path / host
        folder.mkdir()
        made[host] = AgentProcess(folder, amqp_url, host)
        config = made[host].config
        given = config.read_text().replace("heartbeat = 0.5", f"heartbeat = {BEAT}")
        config.write_text(given + '[probes]\nallow = ["http://127.0.0.1:*"]\n')
        made[host].start()
    yield made
    for agent in made.values():
        agent.close()


async def test_one_of_three_agents_is_killed_and_comes_back(
    postgres_database: str, amqp_url: str, agents: dict[str, AgentProcess]
) -> None:
    """Within three intervals and group_wait the channel hears of it, and of no other; once it is
    back the same post says so."""
    async with AsyncExitStack() as stack:
        store = await Store.open(postgres_database)
        stack.push_async_callback(store.close)
        channel = await AmqpChannel.open([amqp_url], name="bot")
        stack.push_async_callback(channel.close)
        stage = Stage(store)
        stack.push_async_callback(stage.close)
        rules = settings(group_wait=GROUP_WAIT)
        made = await stage.bot(channel=channel, alerts=wanted(rules))
        await until(lambda: len(made.servers.servers()) == len(HOSTS))
        await agents["web-2"].signal(signal.SIGKILL)
        killed = time.monotonic()
        await until(says(stage.front, "firing"))
        took = time.monotonic() - killed
        assert took <= 3 * BEAT + GROUP_WAIT + SLOW
        rows = await store.alerts.load()
        (episode,) = rows.episodes
        (watch,) = [one for one in rows.checks if one.fingerprint == episode.fingerprint]
        assert episode.started - watch.received <= 3 * BEAT + SLOW
        (message,) = alerts_in(stage.front)
        assert isinstance(message.content, AlertContent)
        assert message.content.title == "silent web-2 in prod"
        agents["web-2"].start()
        await until(says(stage.front, "resolved"))
        await none_waits(store)
        assert [one.ref for one in alerts_in(stage.front)] == [message.ref]


CHECK = """
[checks.disk]
command = ["/bin/sh", "{folder}/check", "-w", "10%"]
"""


class Disk:
    """What the check of an agent says, as long as it is told nothing else."""

    def __init__(self, agent: AgentProcess) -> None:
        self._said = agent.folder / "said"
        agent.config.write_text(agent.config.read_text() + CHECK.format(folder=agent.folder))
        script = f'echo "$2"; cat {self._said}; exit $(wc -l < {self._said})'
        (agent.folder / "check").write_text(script)
        self.says("")

    def says(self, lines: str) -> None:
        """Its exit code is the number of `lines`."""
        self._said.write_text(lines)


async def test_agents_look_for_the_bot(
    amqp_url: str, database: str, agents: dict[str, AgentProcess]
) -> None:
    """A check of one, and an address that another asks: what is down is said with its words, and
    that it is up again. Of an agent that is killed only its silence is said, and nothing piles up
    for it."""
    async with AsyncExitStack() as stack:
        await agents["web-1"].signal(signal.SIGTERM)
        disk = Disk(agents["web-1"])
        agents["web-1"].start()
        shop = await stack.enter_async_context(answering())
        store = await Store.open(database)
        stack.push_async_callback(store.close)
        channel = await AmqpChannel.open([amqp_url], name="bot")
        stack.push_async_callback(channel.close)
        stage = Stage(store)
        stack.push_async_callback(stage.close)
        often = {"every": 0.3, "timeout": 10.0}
        probe = [
            {"name": "disk", "host": "web-1", "command": "disk", **often},
            {"name": "shop", "host": "web-2", "url": shop.url, **often},
        ]
        rules = settings(group_wait=0.2, group_interval=0.2, probe=probe)
        made = await stage.bot(channel=channel, alerts=wanted(rules))
        await until(lambda: len(made.servers.servers()) == len(HOSTS), 30)
        asked = shop.asked
        await until(lambda: shop.asked > asked + 2, 30)
        assert alerts_in(stage.front) == []
        disk.says("one\ntwo\n")
        shop.status = 503
        await until(lambda: titles(stage.front, "firing") == [DISK, SHOP], 30)
        words = [one.content.rows[0][2] for one in posts(stage.front)]
        assert any("critical: 10%" in text for text in words)
        assert any("answered 503, not 200" in text for text in words)
        disk.says("")
        shop.status = 200
        await until(lambda: titles(stage.front, "resolved") == [DISK, SHOP], 30)
        await agents["web-1"].signal(signal.SIGKILL)
        disk.says("one\n")
        await until(lambda: titles(stage.front, "firing"), 30)
        asked = shop.asked
        await until(lambda: shop.asked > asked + 5, 30)
        assert titles(stage.front, "firing") == ["silent web-1 in prod"]
        waiting = await channel.depth(agent_queue("web-1"))
        assert waiting is not None
        assert waiting <= 2
        agents["web-1"].start()
        await until(lambda: DISK in titles(stage.front, "firing"), 30)
        assert await store.ledger.recent(10) == []
        assert await channel.depth(PROBED_QUEUE) == 0


DISK, SHOP = "command web-1 probe=disk", "http web-2 probe=shop"


def posts(front: FakeFront) -> list[Any]:
    """The posts about alerts."""
    return [one for one in alerts_in(front) if isinstance(one.content, AlertContent)]


def titles(front: FakeFront, state: str) -> list[str]:
    """What is in that state."""
    return sorted(one.content.title for one in posts(front) if one.content.state == state)
