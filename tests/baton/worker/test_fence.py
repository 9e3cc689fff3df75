"""What RabbitMQ is relied on for, shown with a real one: see baton/worker/taking.py."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from baton.bus.channel import Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import INPUT, Queue, foreign_queue
from tests.baton.bus.inbox import Inbox, send
from tests.support.broker import Broker
from tests.support.wait import until
from tests.support.worker import ROOT, Killing

QUEUES = [
    pytest.param(Queue("jobs"), id="quorum"),
    pytest.param(foreign_queue("jobs"), id="classic"),
]


async def taker(url: str, foreign: str, fenced: str) -> None:
    """Take one message, acknowledge it, and be killed: right after the fence, or without one."""
    channel = await connect(url)
    queue = foreign_queue("jobs") if foreign == "classic" else Queue("jobs")

    async def take(delivery: Delivery) -> None:
        if fenced == "fenced":
            await delivery.ack_and_fence()
        else:
            await delivery.ack()
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)

    await channel.consume(queue, take, prefetch=1)
    await asyncio.Future()


async def _taken_by_one_that_dies(url: str, queue: Queue, fenced: str) -> None:
    kind = "classic" if queue.foreign else "quorum"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.baton.worker.test_fence", url, kind, fenced, cwd=ROOT
    )
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


@pytest.mark.parametrize("queue", QUEUES)
async def test_whoever_dies_after_the_fence_has_the_message_for_good(
    amqp_url: str, queue: Queue
) -> None:
    """Killed at the very moment at which the fence returns: nobody gets it again. Killed between
    acknowledgement and fence: nobody does, or somebody does and is told that it was handed out."""
    channel = await connect(amqp_url, owner=True)
    try:
        await asyncio.wait_for(channel.wait_up(), 60)
        await channel.declare(queue, [(INPUT, "host.h1")])
        await send(channel, "fenced")
        await _taken_by_one_that_dies(amqp_url, queue, "fenced")
        await send(channel, "unfenced")
        await _taken_by_one_that_dies(amqp_url, queue, "unfenced")
        await send(channel, "last")
        inbox = Inbox()
        await channel.consume(queue, inbox)
        await until(lambda: "last" in inbox.ids)
        assert "fenced" not in inbox.ids
        again = [each.redelivered for each in inbox.got if each.envelope.id == "unfenced"]
        assert again in ([], [True])
    finally:
        await channel.close()


async def _is_cut_off_who_does_not_acknowledge(url: str) -> None:
    channel = await connect(url, owner=True)
    try:
        await asyncio.wait_for(channel.wait_up(), 60)
        silent = Inbox(ack=False)
        await channel.declare(Queue("held"), [(INPUT, "host.h2")])
        await channel.consume(Queue("held"), silent)
        await send(channel, "held", key="host.h2")
        await until(lambda: len(silent.got) > 1)
    finally:
        await channel.close()


async def test_a_job_longer_than_the_consumer_timeout_starts_once(
    broker: Broker, amqp_url: str, tmp_path: Path
) -> None:
    """It was acknowledged long before, so RabbitMQ has nothing to time out; who holds a message
    for so long without that is cut off."""
    before = broker.eval("application:get_env(rabbit, consumer_timeout).")
    broker.eval("application:set_env(rabbit, consumer_timeout, 1000).")
    tick = broker.eval("application:get_env(rabbit, channel_tick_interval).")
    broker.eval("application:set_env(rabbit, channel_tick_interval, 300).")
    try:
        await _is_cut_off_who_does_not_acknowledge(amqp_url)
        killing = Killing(amqp_url, tmp_path, "long", False, seconds=4.0, concurrency=1)
        asked = await killing.run(1, every=1000)
        assert killing.starts == dict.fromkeys(asked, 1)
        (said,) = killing.ends.values()
        assert [each.state.value for each in said] == ["succeeded"]
    finally:
        for name, value in (("consumer_timeout", before), ("channel_tick_interval", tick)):
            found = value.removeprefix("{ok,").removesuffix("}")
            if value.startswith("{ok,"):
                broker.eval(f"application:set_env(rabbit, {name}, {found}).")
            else:
                broker.eval(f"application:unset_env(rabbit, {name}).")


if __name__ == "__main__":
    asyncio.run(taker(*sys.argv[1:]))
