"""docs/wire.md: what it documents is what another program can send, and what it hears."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.bus import exchanges
from baton.bus.facts import Facts, RunnerFacts
from baton.bus.messages import TYPES, Person, Request, State, Update, decode, now
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.public_key import PublicKey
from baton.command import KnownServer
from baton.extensions import installed
from bot.dispatch.context import Invocation
from bot.dispatch.planner import plan_job
from bot.jobs import Place
from bot.run_changes import apply
from bot.servers.runner_command import command_of

PAGE = (Path(__file__).parents[1] / "docs" / "wire.md").read_text()
HOST = "web-1.example.com"


def block(name: str) -> Any:
    """A block of JSON of the page."""
    found = re.search(rf"```json {name}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
async def agent(amqp_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    settings = AgentSettings.model_validate(
        {
            "bus": {"url": amqp_url},
            "server": {"environment": "prod", "fqdn": HOST, "apps": ["shop"]},
            "agent": {"state": str(tmp_path), "drain": 0},
        }
    )
    service = await Service.from_settings(settings, installed())
    task = asyncio.create_task(service.run())
    await asyncio.wait_for(service.channel.wait_up(), 60)
    yield service
    service.stop()
    await task


async def test_the_documented_request_gets_the_documented_answer(
    amqp_url: str, agent: Service
) -> None:
    """Published as raw bytes by another client, without any property, it is answered with the
    fields that the page shows, under the key that it names."""
    request, answer = block("request"), block("answer")
    request["data"]["deadline"] = (now() + timedelta(minutes=1)).isoformat()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind("baton.out", "pong.#")
        exchange = await channel.get_exchange("baton.in")
        body = json.dumps(request).encode()
        await exchange.publish(aio_pika.Message(body), f"host.{HOST}", mandatory=True)
        async with asyncio.timeout(60), queue.iterator() as messages:
            message = await anext(messages)
    said = json.loads(message.body)
    assert message.routing_key == "pong.prod.web-1-example-com"
    assert message.content_type == "application/cloudevents+json"
    assert said.keys() == answer.keys()
    assert said["data"].keys() == answer["data"].keys()
    assert said["data"]["facts"].keys() == answer["data"]["facts"].keys()
    for name in ("job", "request", "attempt"):
        assert said["data"][name] == answer["data"][name]
    assert said["type"] == answer["type"]
    assert said["source"] == answer["source"]


def test_the_documented_signature_is_one() -> None:
    """Over the bytes of the documented message, by the documented key, and over nothing else."""
    found = {
        name: re.search(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)
        for name, kind in (("body", "json signed"), ("header", "signature"), ("key", "key"))
    }
    body, header, key = (found[name] for name in ("body", "header", "key"))
    assert body is not None
    assert header is not None
    assert key is not None
    ring = KeyRing([PublicKey.parse(key[1])])
    assert decode(body[1].encode()).type == "baton.discover"
    assert ring.doubt("baton.discover", body[1].encode(), header[1]) is None
    assert ring.doubt("baton.request", body[1].encode(), header[1]) is not None
    assert ring.doubt("baton.discover", body[1].encode() + b"\n", header[1]) is not None


def test_every_name_is_on_the_page() -> None:
    """Exchanges, queues, message types and keys of the code are all there, and none that is not."""
    wanted = {
        *(exchange.name for exchange in (*exchanges.EXCHANGES, *exchanges.WORK_EXCHANGES)),
        *(queue.name for queue in exchanges.BOT_QUEUES),
        exchanges.DEAD_QUEUE.name,
        *(tier.queue.name for tier in exchanges.TIERS),
        exchanges.work_queue("QUEUE").name,
        *(f"{kind}.#" for kinds in exchanges.BOT_QUEUES.values() for kind in kinds),
        exchanges.DISCOVER,
        *TYPES,
    }
    missing = {name for name in wanted if f"`{name}`" not in PAGE and f'"{name}"' not in PAGE}
    assert missing - {"baton.update"} == set()
    assert exchanges.agent_queue("FQDN").name in PAGE
    assert exchanges.host_key("FQDN") in PAGE
    assert "retry.5s" not in PAGE
    assert exchanges.cancel_work_key("QUEUE") in PAGE
    assert exchanges.output_key("baton.pong", "prod", HOST) in PAGE


def test_the_documented_messages_of_work_queues_are_read_as_they_say() -> None:
    """A runner is a command with the arguments of the documented request, which the planner sends
    with the same fields; and an update that waits says until when."""
    (runner,) = (RunnerFacts.model_validate(one) for one in block("runners"))
    command = command_of(runner).from_words("may")
    facts = Facts(host="worker.a.example.com", environment="prod", runners=(runner,))
    place = Place("terminal", "here")
    asked = Invocation("report may", Person(id="U0123ABCD", name="ann"), place, "k", now())
    planned = plan_job(command, asked, [KnownServer(facts, 1.0)], "bot")
    (sending,) = planned.outbox
    request = Request.model_validate(block("work"))
    assert isinstance(sending.message, Request)
    same = ("command", "arguments", "environment", "host", "attempt", "timeout", "requester")
    assert {name: getattr(sending.message, name) for name in same} == {
        name: getattr(request, name) for name in same
    }
    assert sending.key == request.host == exchanges.work_key(runner.queue)
    waiting = apply(
        replace(planned.runs[0], state=State.RUNNING, started=now()),
        Update.model_validate(block("blocked")),
        now(),
    )
    assert waiting is not None
    assert (waiting.run.parked, waiting.run.worker) == (True, "worker.a.example.com")
