"""The first messages of a queue of RabbitMQ are taken at once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiormq
import pytest

from baton.bus.amqp import AmqpChannel, taking
from baton.bus.exchanges import INPUT
from tests.baton.bus.amqp.inbox import Opener
from tests.baton.bus.inbox import WORK, send
from tests.support.wait import until


async def filled(open_channel: Opener, *names: str) -> AmqpChannel:
    channel = await open_channel()
    await channel.declare(WORK, [(INPUT, "host.h1")])
    await send(channel, *names)
    return channel


async def test_many_cost_no_more_questions_than_one(
    open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of 500 letters must not wait for 500 answers of a RabbitMQ that is far away."""
    channel = await filled(open_channel, *(f"m{number}" for number in range(200)))
    asked = 0
    rpc = aiormq.Channel.rpc

    async def counted(self: aiormq.Channel, *given: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await rpc(self, *given, **more)

    monkeypatch.setattr(aiormq.Channel, "rpc", counted)
    needed = []
    for most in (1, 1, 150):
        before = asked
        found = await channel.get(WORK, most)
        needed.append(asked - before)
        assert [one.envelope.id for one in found] == [f"m{number}" for number in range(most)]
        for one in found:
            await one.reject(requeue=True)
        await until(lambda: _waits(channel, 200))
    # the first of all opens the AMQP channel on which they are taken
    assert needed[2] <= needed[1], needed


async def test_what_others_took_meanwhile_is_not_waited_for(
    open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer come than had been counted; nor is a queue that gives us nothing waited for."""
    channel = await filled(open_channel, "a", "b")
    session = channel._session
    assert session is not None
    counted = iter([5, 0])

    async def depth(queue: object) -> int:
        return next(counted)

    monkeypatch.setattr(session, "depth", depth)
    found = await channel.get(WORK, 5)
    assert [one.envelope.id for one in found] == ["a", "b"]
    monkeypatch.setattr(taking, "MAX_QUIET", 1)
    counted = iter([1, 1])
    assert await channel.get(WORK, 5) == []


async def test_what_an_interrupted_reader_had_taken_goes_back(
    open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that leaves in the middle holds no letters back from the next one."""
    channel = await filled(open_channel, "a", "b")
    looked = asyncio.Event()

    async def never(self: object, *given: object) -> None:
        looked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as changed:
        changed.setattr(taking.Taking, "_fill", never)
        reading = asyncio.create_task(channel.get(WORK, 2))
        await looked.wait()
        await until(lambda: _waits(channel, 0))
        reading.cancel()
        await asyncio.wait({reading})
    await until(lambda: _waits(channel, 2))
    assert [one.envelope.id for one in await channel.get(WORK, 2)] == ["a", "b"]


async def _waits(channel: AmqpChannel, count: int) -> bool:
    return await channel.depth(WORK) == count
