from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from baton.bus.amqp import AmqpChannel
from baton.bus.channel import Channel
from baton.bus.exchanges import BOT_QUEUE, Queue
from baton.bus.messages import State
from baton.errors import QueueMismatch
from bot.app.bot import Bot
from bot.content import JobContent
from bot.store import Store
from tests.bot.build import OPS
from tests.bot.fake_front import FakeFront, Fault
from tests.bot.world import Agent, Stage, away
from tests.support.broker import Broker
from tests.support.wait import until

HOSTS = ("web-1", "web-2")


@pytest.fixture
async def team(postgres_database: str) -> AsyncIterator[Stage]:
    """A stage whose database is PostgreSQL."""
    store = await Store.open(postgres_database)
    stage = Stage(store)
    yield stage
    await stage.close()
    await store.close()


async def test_two_bots_share_the_work_over_postgresql(team: Stage, postgres_database: str) -> None:
    """Both take asks, one does the rest; when it dies in the middle the other goes on, in the same
    threads, and nothing is started or said twice."""
    agents = [await team.agent(host) for host in HOSTS]
    first = await team.bot(lease=1.0)
    await team.knows(first, *HOSTS)
    store = await Store.open(postgres_database)
    second = await team.bot(store=store, lease=1.0)
    await team.knows(second, *HOSTS)
    jobs = []
    for number in range(6):
        jobs.append(await team.job((first, second)[number % 2], "ship shop prod"))
        if number == 3:
            with away(first.store):
                await until(lambda: second.leader.leading)
    for job in jobs:
        await team.told(job)
    assert [len(agent.started) for agent in agents] == [6, 6]
    keys = sorted(message.key for message in team.front.shown)
    assert keys == sorted([*jobs, *(f"{job}/{host}" for job in jobs for host in HOSTS)])
    await second.stop()
    await store.close()


async def test_the_same_ask_at_two_bots_at_once_is_one_job(
    team: Stage, postgres_database: str
) -> None:
    """Slack may deliver the same envelope to both."""
    agents = [await team.agent(host) for host in HOSTS]
    first = await team.bot()
    await team.knows(first, *HOSTS)
    store = await Store.open(postgres_database)
    second = await team.bot(store=store)
    await team.knows(second, *HOSTS)
    replies = await asyncio.gather(
        *(team.ask(bot, "ship shop prod", key="envelope-1") for bot in (first, second))
    )
    assert len({reply.job for reply in replies}) == 1
    await team.told(replies[0].job)
    assert [len(agent.started) for agent in agents] == [1, 1]
    await second.stop()
    await store.close()


@pytest.fixture
async def links(amqp_url: str) -> AsyncIterator[list[AmqpChannel]]:
    """Three channels to a real RabbitMQ."""
    channels = [await AmqpChannel.open([amqp_url], name=f"link {number}") for number in range(3)]
    for channel in channels:
        await asyncio.wait_for(channel.wait_up(), 60)
    yield channels
    for channel in channels:
        await channel.close()


async def test_the_whole_path_over_rabbitmq(stage: Stage, links: list[AmqpChannel]) -> None:
    """Done where somebody listens; where nobody does, that is said within seconds."""
    agent = Agent(links[0], "web-1")
    await agent.start()
    bot = await stage.bot(channel=links[1])
    await stage.knows(bot, "web-1")
    gone = Agent(links[2], "web-2")
    await gone.beat()
    await stage.knows(bot, "web-1", "web-2")
    asked = time.monotonic()
    job = await stage.job(bot, "ship shop prod")
    await stage.told(job)
    assert time.monotonic() - asked < 10.0
    assert await stage.states(job) == {"web-1": State.SUCCEEDED, "web-2": State.UNROUTABLE}
    content = stage.front.one(job).content
    assert isinstance(content, JobContent)
    assert "1 unroutable" in content.summary
    assert "unroutable on web-2" in str(stage.front.one(f"{job}!").content)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    stage: Stage, broker: Broker, amqp_url: str
) -> None:
    """An ask is taken meanwhile, and goes out when it is there."""
    await broker.stop()
    channel: Channel = await AmqpChannel.open([amqp_url], name="early")
    bot = await stage.bot(channel=channel)
    await until(lambda: bot.leader.leading)
    assert "No agent has sent a heartbeat yet" in (await stage.ask(bot, "ship shop prod")).text
    await broker.start()
    link = await AmqpChannel.open([amqp_url], name="agent")
    await asyncio.wait_for(link.wait_up(), 60)
    agent = Agent(link, "web-1")
    await agent.start()

    async def is_known() -> bool:
        await agent.beat()  # the bot may have asked before this agent could hear it
        return bool(bot.servers.servers())

    await until(is_known)
    await stage.told(await stage.job(bot, "ship shop prod"))
    await bot.stop()
    for each in (channel, link):
        await each.close()


async def test_a_part_that_fails_is_known(stage: Stage) -> None:
    """Whoever runs the bot waits for its failure, and is given the reason."""
    channel = stage.channel()
    await channel.declare(Queue(BOT_QUEUE.name, ttl=5.0))

    async def mismatch(*args: object, **named: object) -> None:
        raise QueueMismatch(queue="bot", reason="it has a TTL")

    channel.declare = mismatch  # type: ignore[method-assign]
    bot = await stage.bot(channel=channel)
    with pytest.raises(QueueMismatch, match="it has a TTL"):
        await asyncio.wait_for(bot.failed(), 60)
    await bot.stop()
    assert not bot.leader.leading


async def test_a_bot_that_works_does_not_fail(stage: Stage) -> None:
    """Neither does one that is stopped."""
    bot = await stage.bot()
    failed = asyncio.create_task(bot.failed())
    await until(lambda: bot.leader.leading)
    await bot.stop()
    assert not failed.done()
    failed.cancel()


async def test_two_bots_of_one_name_are_two(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name in the settings is for people; only one of the two leads."""
    take, told = stage.store.leases.take, set()

    async def taken(name: str, holder: str, seconds: float) -> bool:
        mine = await take(name, holder, seconds)
        told.add(holder)
        return mine

    monkeypatch.setattr(stage.store.leases, "take", taken)
    first, second = await stage.bot(), await stage.bot()
    assert first.name != second.name
    await until(lambda: told >= {first.name, second.name})
    await until(lambda: first.leader.leading or second.leader.leading)
    assert first.leader.leading != second.leader.leading


async def test_a_stop_hands_over_at_once(stage: Stage) -> None:
    """An update of the software costs no lease."""
    first = await stage.bot(lease=300.0)
    await until(lambda: first.leader.leading)
    await first.stop()
    second = await stage.bot(lease=300.0)
    await until(lambda: second.leader.leading)


async def test_a_front_end_that_comes_later_is_served(stage: Stage) -> None:
    """Its jobs are shown as soon as it is there."""
    await stage.agent("web-1")
    bot = await stage.bot()
    await stage.knows(bot, "web-1")
    late = FakeFront("late")
    late.faults.append(Fault.UNREACHABLE)
    bot.show_in(late, None)
    await stage.told(await stage.job(bot, "hail prod", place=replace(OPS, front="late")))
    assert len(late.shown) == 1


async def test_a_bot_whose_database_is_away_at_the_start_gets_its_servers_later(
    stage: Stage,
) -> None:
    """What the last bot heard is known as soon as the database is there."""
    agent = await stage.agent("web-1")
    first: Bot = await stage.bot()
    await stage.knows(first, "web-1")
    await until(lambda: stage.store.servers.all())
    await first.stop()
    await agent.channel.close()
    with away(stage.store):
        second = await stage.bot(lease=0.5)
        assert second.servers.servers() == []
    await stage.knows(second, "web-1")


async def test_a_bot_that_loses_the_lease_and_gets_it_again_leads_as_before(stage: Stage) -> None:
    """Its recurring work, its queues and its consumers end, and begin again."""
    await stage.agent("web-1")
    bot = await stage.bot()
    await stage.knows(bot, "web-1")
    await until(lambda: bot.leader.leading)
    running = {status.name for status in bot.periodic.statuses}
    await bot.leader._let_go()
    assert {status.name for status in bot.periodic.statuses} == {
        "follow_other_bots",
        "follow_freezes",
        "memory",
    }
    assert list(bot.front_ends.queues) == []
    await until(lambda: bot.leader.leading)
    await stage.told(await stage.job(bot, "ship shop prod"))
    assert {status.name for status in bot.periodic.statuses} == running
