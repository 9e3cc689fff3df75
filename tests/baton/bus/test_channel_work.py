"""The contract of Channel, held by both buses: what workers that share a queue need."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.channel import Envelope, Link
from baton.bus.exchanges import (
    INPUT,
    PARKED,
    Queue,
    Tier,
    foreign_queue,
    work_bindings,
)
from baton.bus.exchanges import (
    work_queue as work_queue_of,
)
from baton.errors import Disconnected, QueueMismatch
from tests.baton.bus.inbox import WORK, Inbox, send, work_queue
from tests.support.buses import Bus
from tests.support.queues import first_of
from tests.support.wait import until


async def test_what_is_fenced_does_not_come_back(bus: Bus) -> None:
    """Once the call returns nobody gets the message, however the connection ends. Those fenced
    together share the way to the bus, and one that is not settled holds none of them back."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    await channel.consume(WORK, inbox)
    await send(channel, "open", *map(str, range(40)))
    await until(lambda: len(inbox.got) == 41)
    await asyncio.gather(*(delivery.ack_and_fence() for delivery in inbox.got[1:]))
    await bus.cut(channel)
    await until(lambda: len(inbox.got) > 41)
    assert (inbox.ids[41:], inbox.got[41].redelivered) == (["open"], True)
    with pytest.raises(Disconnected):
        await inbox.got[0].ack_and_fence()


async def test_a_paused_subscription_goes_on_with_another_prefetch(bus: Bus) -> None:
    """Nothing arrives meanwhile, also over a lost connection; what is held can be settled."""
    channel = await work_queue(bus)
    inbox = Inbox(ack=False)
    subscription = await channel.consume(WORK, inbox, prefetch=2)
    await send(channel, "a", "b", "c", "d", "e")
    await until(lambda: len(inbox.got) == 2)
    await subscription.pause()
    await subscription.pause()
    await asyncio.gather(*(delivery.ack_and_fence() for delivery in inbox.got))
    assert await until(lambda: channel.depth(WORK)) == 3
    await subscription.resume(1)
    await until(lambda: len(inbox.got) == 3)
    await subscription.pause()
    await bus.cut(channel)
    await until(lambda: _depth(bus, 3))
    await asyncio.wait_for(channel.wait_up(), 60)
    assert inbox.ids == ["a", "b", "c"]
    await subscription.resume(5)
    await until(lambda: len(inbox.got) == 6)
    assert (inbox.ids[3:], inbox.got[3].redelivered) == (["c", "d", "e"], True)


async def _depth(bus: Bus, depth: int) -> bool:
    other = await bus.open()
    try:
        return await other.depth(WORK) == depth
    finally:
        await other.close()


async def test_a_claim_has_one_holder(bus: Bus) -> None:
    """The first that asks has it, and still has it when it asks again, also after a restart."""
    ours, theirs = await bus.open(), await bus.open()
    assert not await ours.is_claimed("job.1")
    assert await ours.claim("job.1", "worker a")
    assert not await theirs.claim("job.1", "worker b")
    assert await theirs.claim("job.2", "worker b")
    assert await theirs.is_claimed("job.1")
    await ours.close()
    again = await bus.open()
    assert await again.claim("job.1", "worker a")
    assert not await theirs.claim("job.1", "worker b")
    assert (ours.link, again.link) == (Link.DOWN, Link.UP)
    with pytest.raises(Disconnected):
        await ours.claim("job.1", "worker a")


async def test_of_many_that_claim_at_once_one_wins(bus: Bus) -> None:
    """Also over connections of their own."""
    channels = [await bus.open() for _ in range(4)]
    won = await asyncio.gather(
        *(one.claim("job", f"worker {number}") for number, one in enumerate(channels))
    )
    assert sorted(won) == [False, False, False, True]


async def test_a_foreign_queue_is_used_as_it_is(bus: Bus) -> None:
    """Whatever its settings are; it is made without any if it is not there."""
    channel = await bus.open()
    await channel.declare(Queue("theirs", ttl=60), [(INPUT, "host.h1")])
    inbox = Inbox()
    await channel.consume(foreign_queue("theirs"), inbox)
    await send(channel, "a")
    await until(lambda: inbox.ids == ["a"])
    assert await channel.depth(foreign_queue("new")) is None
    await channel.declare(foreign_queue("new"), [(INPUT, "host.new")])
    await send(channel, "b", key="host.new")
    assert await until(lambda: channel.depth(foreign_queue("new"))) == 1
    await channel.declare(foreign_queue("new"))
    with pytest.raises(QueueMismatch):
        await channel.declare(Queue("new"))


async def test_a_parked_job_comes_back_to_its_own_queue(bus: Bus) -> None:
    """After the time of its tier, with its key and headers; no other work queue gets it."""
    channel = await bus.open()
    quick = Tier("q", 0.3)
    await channel.declare(quick.queue, quick.bindings)
    for name in ("reports", "reports.2"):
        await channel.declare(work_queue_of(name), work_bindings(name))
    sent = Envelope(b"{}", id="a", headers={"baton-look": "1"})
    await channel.publish(PARKED, quick.key("reports"), sent, mandatory=True)
    assert await channel.depth(work_queue_of("reports")) == 0
    await bus.advance(0.4)
    assert await until(lambda: channel.depth(work_queue_of("reports"))) == 1
    found = await first_of(channel, work_queue_of("reports"))
    assert found is not None
    assert (found.envelope.id, found.envelope.headers["baton-look"]) == ("a", "1")
    assert found.redelivered is False
    assert await channel.depth(work_queue_of("reports.2")) == 0
