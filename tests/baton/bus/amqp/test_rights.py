"""README's accounts, made as it says on a real RabbitMQ: each can do its work, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from pamqp.commands import Basic

from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.bus.api import API
from baton.bus.channel import Channel, Delivery
from baton.bus.connect import connect
from baton.bus.dead_letters import list_letters
from baton.bus.exchanges import (
    BOT_QUEUES,
    DEAD_QUEUE,
    INPUT,
    OUTPUT,
    agent_queue,
    bot_bindings,
    host_key,
)
from baton.bus.messages import Message, Person, Pong, Request, decode, new_id, now
from baton.extensions import installed
from bot.doctor.agent_checks import needs as agents_needs
from bot.doctor.bot_checks import needs as bots_needs
from bot.doctor.bus_checks import agents, rights
from bot.doctor.check_result import Mark
from tests.support.accounts import Accounts, readme
from tests.support.broker import Broker
from tests.support.wait import until

HOST, OTHER = "web-1.example.org", "web-2.example.org"


@pytest.fixture
def accounts(broker: Broker, amqp_url: str) -> Accounts:
    return Accounts(broker, amqp_url)


@pytest.fixture
async def bot(accounts: Accounts) -> AsyncIterator[Channel]:
    """The bot, with alerts: all its queues declared and consumed."""
    channel = await connect(accounts.bot, owner=True)
    for queue in BOT_QUEUES:
        await channel.declare(queue, bot_bindings(queue))
    await asyncio.wait_for(channel.wait_up(), 60)
    yield channel
    await channel.close()


@contextlib.asynccontextmanager
async def agent(url: str, folder: Path, host: str = HOST) -> AsyncIterator[Service]:
    settings = AgentSettings.model_validate(
        {
            "bus": {"url": url},
            "server": {"environment": "prod", "fqdn": host, "apps": ["shop"]},
            "agent": {"state": str(folder), "drain": 0},
        }
    )
    service = await Service.from_settings(settings, installed())
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        service.stop()
        await task


def test_readme_names_every_role() -> None:
    """An account for the bot, for an agent, and for whoever only looks."""
    added = [words[0] for verb, *words in readme() if verb == "add_user"]
    assert added == ["bot", "agent.web-1.example.com", "reader"]


async def test_the_bot_needs_nothing_more(bot: Channel) -> None:
    """With README's rights the bot does without nothing, alerts included."""
    assert not bot.lacking
    found = await rights(bot, bots_needs(alerts=True))
    assert {finding.mark for finding in found} == {Mark.OK}


async def test_an_agent_works(bot: Channel, accounts: Accounts, tmp_path: Path) -> None:
    """With README's rights an agent takes what is for it, by name and by broadcast, and answers."""
    answers: list[Message] = []

    async def take(delivery: Delivery) -> None:
        answers.append(decode(delivery.envelope.body))
        await delivery.ack()

    beats: list[Message] = []

    async def note(delivery: Delivery) -> None:
        beats.append(decode(delivery.envelope.body))
        await delivery.ack()

    queues = {queue.name: queue for queue in BOT_QUEUES}
    await bot.consume(queues["bot"], take)
    await bot.consume(queues["bot.heartbeats"], note)
    async with agent(accounts.agent(HOST), tmp_path) as service:
        # it sends none before it can be reached
        await until(lambda: beats)
        for key in (host_key(HOST), "ping.prod"):
            answers.clear()
            asked = Request(
                job=new_id(),
                command="ping",
                environment="prod",
                arguments={"environment": "prod"},
                requester=Person(id="U1"),
                deadline=now() + timedelta(minutes=1),
                host=HOST if key.startswith("host") else None,
            )
            await API(bot).publish(INPUT, key, asked, mandatory=True)
            await until(lambda: answers)
            assert [one for one in answers if isinstance(one, Pong)], answers
        channel = await connect(accounts.agent(HOST))
        await asyncio.wait_for(channel.wait_up(), 60)
        consumers = list(service.manager.consumers.values())
        found = await rights(channel, agents_needs(service.server, consumers))
        assert {finding.mark for finding in found} == {Mark.OK}, [str(one) for one in found]
        (heard_of,) = await agents(channel, HOST)
        assert heard_of.mark is Mark.NOTE, str(heard_of)
        await channel.close()


async def test_an_agent_that_is_first_waits_for_the_bot(accounts: Accounts, tmp_path: Path) -> None:
    """It may not make the exchanges; once the bot has made them it works, without a restart."""
    async with agent(accounts.agent(HOST), tmp_path) as service:
        await until(lambda: "the bot creates it" in service.channel.link_reason)
        assert service.channel.refusal is None
        bot = await connect(accounts.bot, owner=True)
        await asyncio.wait_for(service.channel.wait_up(), 60)
        await bot.close()


async def test_whoever_looks_sees(bot: Channel, accounts: Accounts, tmp_path: Path) -> None:
    """The reader hears the heartbeats and reads the dead letters, and can ask for nothing."""
    reader = await connect(accounts.reader)
    await asyncio.wait_for(reader.wait_up(), 60)
    async with agent(accounts.agent(HOST), tmp_path) as service:
        await asyncio.wait_for(service.channel.wait_up(), 60)
        service.heartbeats.request()
        looking = asyncio.create_task(agents(reader, HOST))
        while not looking.done():
            service.heartbeats.request()
            await asyncio.wait({looking}, timeout=0.2)
        assert HOST in str(looking.result()[0])
    assert (await list_letters(reader, 10)).letters == []
    assert await reader.depth(DEAD_QUEUE) == 0
    (note,) = await rights(reader, bots_needs(alerts=True))
    assert note.mark is Mark.NOTE
    assert await reader.may_not_publish(INPUT, "discover") is not None
    await reader.close()


Attempt = Callable[[AbstractChannel], Awaitable[object]]


async def _nothing(_: object) -> None:
    pass


def _to(exchange: str, key: str, **headers: Any) -> Attempt:
    async def publish(channel: AbstractChannel) -> None:
        assert isinstance(channel, aiormq.Channel)
        await channel.basic_publish(
            b"{}",
            exchange=exchange,
            routing_key=key,
            properties=Basic.Properties(headers=headers),
        )

    return publish


OURS, THEIRS = agent_queue(HOST).name, agent_queue(OTHER).name


async def _dead_letters_to_input(channel: AbstractChannel) -> None:
    await channel.queue_delete(OURS)
    arguments: dict[str, Any] = {"x-dead-letter-exchange": INPUT}
    await channel.queue_declare(OURS, durable=True, arguments=arguments)


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(_to(INPUT, f"host.{OTHER}"), id="ask another"),
        pytest.param(_to("", THEIRS), id="ask another by the default exchange"),
        pytest.param(_to("baton.retry", f"host.{OTHER}", CC=["retry.5s"]), id="by a retry"),
        pytest.param(_dead_letters_to_input, id="by dead letters of its queue"),
        pytest.param(
            lambda channel: channel.queue_declare(
                "retry.5s", durable=True, arguments={"x-dead-letter-exchange": INPUT}
            ),
            id="by dead letters of another queue",
        ),
        pytest.param(
            lambda channel: channel.exchange_declare(
                OURS, exchange_type="topic", arguments={"alternate-exchange": INPUT}
            ),
            id="by an alternate exchange",
        ),
        pytest.param(lambda channel: channel.exchange_bind(INPUT, OURS, "#"), id="by an exchange"),
        pytest.param(lambda channel: channel.basic_get(THEIRS), id="read another's queue"),
        pytest.param(
            lambda channel: channel.basic_consume(THEIRS, _nothing), id="consume another's queue"
        ),
        pytest.param(lambda channel: channel.basic_get("bot"), id="read the bot's queue"),
        pytest.param(lambda channel: channel.queue_purge(THEIRS), id="empty another's queue"),
        pytest.param(lambda channel: channel.queue_delete(THEIRS), id="delete another's queue"),
        pytest.param(
            lambda channel: channel.queue_bind(THEIRS, INPUT, "host.x"), id="bind another's queue"
        ),
        pytest.param(
            lambda channel: channel.queue_unbind(THEIRS, INPUT, f"host.{OTHER}"),
            id="unbind another's queue",
        ),
        pytest.param(
            lambda channel: channel.queue_bind(OURS, INPUT, f"host.{OTHER}"),
            id="listen to what is for another",
        ),
        pytest.param(lambda channel: channel.queue_bind(OURS, INPUT, "#"), id="listen to all"),
        pytest.param(
            lambda channel: channel.queue_bind(OURS, INPUT, "deploy.staging.shop"),
            id="listen to another environment",
        ),
        pytest.param(
            lambda channel: channel.queue_bind(OURS, OUTPUT, "#"), id="listen to what others say"
        ),
        pytest.param(_to(OUTPUT, "update.staging.deploy"), id="speak for another environment"),
        pytest.param(_to(OUTPUT, "alert.x"), id="raise alerts"),
        pytest.param(lambda channel: channel.exchange_delete(INPUT), id="delete an exchange"),
        pytest.param(
            lambda channel: channel.exchange_declare("baton.other", exchange_type="topic"),
            id="make an exchange",
        ),
    ],
)
async def test_an_agent_can_do_nothing_else(
    bot: Channel, broker: Broker, amqp_url: str, accounts: Accounts, attempt: Attempt
) -> None:
    """Whatever it tries, directly or round about, RabbitMQ refuses it."""
    for queue, host in ((agent_queue(HOST), HOST), (agent_queue(OTHER), OTHER)):
        await bot_of_all(broker, amqp_url, queue.name, host)
    connection = await aiormq.connect(accounts.agent(HOST))
    try:
        channel = await connection.channel()
        with pytest.raises(Exception, match="ACCESS_REFUSED") as caught:
            await attempt(channel)
        assert isinstance(caught.value, ChannelAccessRefused | aiormq.exceptions.AMQPError)
    finally:
        await connection.close()


async def bot_of_all(broker: Broker, url: str, queue: str, host: str) -> None:
    """An inbox, as it is when its agent is at work."""
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.queue_declare(queue, durable=True)
    await channel.queue_bind(queue, INPUT, f"host.{host}")
    await connection.close()
