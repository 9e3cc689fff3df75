"""Who says this, with a real RabbitMQ: it proves the account, and we compare it with the name."""

from __future__ import annotations

import asyncio

import aiormq
import pytest
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from baton.agent.output import key_of
from baton.bus.api import API, to_envelope
from baton.bus.channel import Channel
from baton.bus.connect import connect
from baton.bus.exchanges import DEAD, DEAD_QUEUE, OUTPUT
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer
from bot.store import Store
from tests.bot.world import beat
from tests.support.broker import Broker
from tests.support.queues import first_of
from tests.support.servers import NoHooks, RecordedFindings, make_registry
from tests.support.wait import until


def account(broker: Broker, url: str, name: str) -> str:
    """The URL for a new account called `name`, which may do everything there."""
    its = broker.user(url, name)
    broker.grant(its, ".*", ".*", ".*")
    return its


@pytest.mark.parametrize("required", [False, True])
async def test_an_account_speaks_for_its_own_host_and_no_other(
    broker: Broker, amqp_url: str, store: Store, required: bool
) -> None:
    """What is said by agent.web-2 in the name of web-1 moves nothing; what web-1 says counts; and
    RabbitMQ refuses who names an account that is not its own (406)."""
    told = RecordedFindings()
    registry = make_registry(findings=told)
    ears, first, second = [
        await connect(url)
        for url in (
            amqp_url,
            account(broker, amqp_url, "agent.web-1"),
            account(broker, amqp_url, "agent.web-2"),
        )
    ]
    for channel in (ears, first, second):
        await asyncio.wait_for(channel.wait_up(), 60)
    await ears.declare(DEAD_QUEUE, [(DEAD, "#")])
    hearing = UpdateConsumer(
        store, ears, registry, lambda job: None, SenderVerifier(required=required), told, NoHooks()
    )
    await hearing.start()
    await say(first, "web-1", "prod")
    await until(lambda: registry.servers())
    await say(second, "web-1", "staging")
    letter = await until(lambda: first_of(ears, DEAD_QUEUE))
    assert letter is not None
    assert letter.envelope.headers["baton-reason"] == (
        "the account agent.web-2 sent it in the name of web-1"
    )
    assert letter.envelope.headers["baton-user"] == "agent.web-2"
    assert [seen.facts.environment for seen in registry.servers()] == ["prod"]
    assert told.names == ["identity"]
    await refused(second.url.replace("agent.web-2@", "agent.web-2:agent.web-2@"), "agent.web-1")
    assert hearing.received["baton.heartbeat"] == 2
    await hearing.stop()
    for channel in (ears, first, second):
        await channel.close()


async def say(mouth: Channel, host: str, environment: str) -> None:
    message = beat(host, environment)
    await API(mouth).publish(OUTPUT, key_of(message), message)


async def refused(url: str, forged: str) -> None:
    """RabbitMQ takes nothing that names `forged` as its account from another one."""
    connection = await aiormq.connect(url)
    line = await connection.channel()
    message = beat("web-1", "staging")
    with pytest.raises(AMQPError, match="user_id property set to"):
        await line.basic_publish(
            to_envelope(message).body,
            exchange=OUTPUT,
            routing_key=key_of(message),
            properties=Basic.Properties(user_id=forged),
        )
    await connection.close()
