"""A real run: three agents, processes of their own, over RabbitMQ and PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from alerts import AlertContent
from baton.amqp import AmqpChannel
from bot.store import Store
from tests.alerting.world import alerts_in, none_waits, says, settings
from tests.bot.world import Stage
from tests.support.agent import AgentProcess
from tests.support.wait import until

BEAT, GROUP_WAIT, SLOW = 1.0, 1.0, 10.0
"""Seconds; the last is what a busy machine may take for the rest."""
HOSTS = ("web-1", "web-2", "web-3")


@pytest.fixture
async def agents(tmp_path: Path, amqp_url: str) -> AsyncIterator[dict[str, AgentProcess]]:
    made = {}
    for host in HOSTS:
        folder = tmp_path / host
        folder.mkdir()
        made[host] = AgentProcess(folder, amqp_url, host)
        config = made[host].config
        config.write_text(config.read_text().replace("heartbeat = 0.5", f"heartbeat = {BEAT}"))
        made[host].start()
    yield made
    for agent in made.values():
        agent.close()


async def test_one_of_three_agents_is_killed_and_comes_back(
    postgres_url: str, amqp_url: str, agents: dict[str, AgentProcess]
) -> None:
    """Within three intervals and group_wait the channel hears of it, and of no other; once it is
    back the same post says so."""
    async with AsyncExitStack() as stack:
        store = await Store.open(postgres_url)
        stack.push_async_callback(store.close)
        channel = await AmqpChannel.open([amqp_url], name="bot")
        stack.push_async_callback(channel.close)
        stage = Stage(store)
        stack.push_async_callback(stage.close)
        rules = settings(group_wait=GROUP_WAIT)
        made = await stage.bot(
            channel=channel, before=lambda bot: void(bot.alert(rules, front="slack"))
        )
        await until(lambda: len(made.roster.servers()) == len(HOSTS))
        await agents["web-2"].signal(signal.SIGKILL)
        killed = time.monotonic()
        await until(says(stage.front, "firing"))
        took = time.monotonic() - killed
        assert took <= 3 * BEAT + GROUP_WAIT + SLOW
        (message,) = alerts_in(stage.front)
        assert isinstance(message.content, AlertContent)
        assert message.content.title == "silent web-2 in prod"
        agents["web-2"].start()
        await until(says(stage.front, "resolved"))
        await none_waits(store)
        assert [one.ref for one in alerts_in(stage.front)] == [message.ref]


def void(_: object) -> None:
    """Nothing is wanted of it."""
