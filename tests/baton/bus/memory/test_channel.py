"""What is particular to the bus in memory: simulated time, and outages on demand."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.channel import Delivery, Envelope, Link
from baton.bus.connect import connect
from baton.bus.exchanges import DEAD_QUEUE, INPUT, WEEK, Queue, agent_queue
from baton.bus.memory.channel import memory_bus
from baton.bus.memory.queues import matches
from baton.errors import Disconnected, Unroutable
from tests.support.buses import InMemory
from tests.support.queues import first_of
from tests.support.wait import until

INBOX = agent_queue("h1")


async def ignore(delivery: Delivery) -> None:
    await delivery.ack()


async def test_a_queue_that_nobody_uses_expires() -> None:
    """A week after its last consumer the inbox of an agent is gone, with all that it held."""
    memory = InMemory()
    channel = await memory.open()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    subscription = await channel.consume(INBOX, ignore)
    await memory.advance(2 * WEEK)
    assert await channel.depth(INBOX) == 0
    await subscription.cancel()
    await channel.publish(INPUT, "host.h1", Envelope(b"{}"), mandatory=True)
    await memory.advance(WEEK - 1)
    assert await channel.depth(INBOX) == 1
    await memory.advance(2)
    assert await channel.depth(INBOX) is None
    with pytest.raises(Unroutable):
        await channel.publish(INPUT, "host.h1", Envelope(b"{}"), mandatory=True)
    await memory.close()


async def test_a_message_at_work_expires_when_it_is_put_back() -> None:
    """The time of a message runs while it is handed out, and counts once it comes back."""
    memory = InMemory()
    channel = await memory.open()
    queue = Queue("soon", ttl=5)
    await channel.declare(queue, [(INPUT, "host.h1")])
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id="a"))
    found = await first_of(channel, queue)
    assert found is not None
    await memory.advance(6)
    assert await channel.depth(DEAD_QUEUE) == 0
    await found.reject(requeue=True)
    assert await channel.depth(DEAD_QUEUE) == 1
    await memory.close()


async def test_an_outage_on_demand() -> None:
    """down() takes the bus away from everybody, up() gives it back with what it held."""
    memory = InMemory()
    first, second = await memory.open(), await memory.open()
    got: list[tuple[str, bool]] = []

    async def handler(delivery: Delivery) -> None:
        got.append((delivery.envelope.id, delivery.redelivered))

    await first.declare(INBOX, [(INPUT, "host.h1")])
    await first.consume(INBOX, handler)
    await second.publish(INPUT, "host.h1", Envelope(b"{}", id="a"), mandatory=True)
    await until(lambda: got == [("a", False)])
    memory.bus.down("the cable is cut")
    assert first.link is second.link is Link.DOWN
    with pytest.raises(Disconnected, match="the cable is cut"):
        await second.publish(INPUT, "host.h1", Envelope(b"{}", id="b"))
    await second.declare(Queue("later"), [(INPUT, "host.h2")])
    late = asyncio.create_task(second.wait_up())
    memory.bus.up()
    await asyncio.wait_for(late, 1)
    await until(lambda: got == [("a", False), ("a", True)])
    await second.publish(INPUT, "host.h2", Envelope(b"{}"), mandatory=True)
    await memory.close()


async def test_a_deleted_queue_is_made_again() -> None:
    """Whoever consumes a queue that an operator deletes goes on with a new one."""
    memory = InMemory()
    channel = await memory.open()
    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await channel.consume(INBOX, ignore)
    memory.bus.delete_queue(INBOX.name)
    await channel.publish(INPUT, "host.h1", Envelope(b"{}"), mandatory=True)
    assert await channel.depth(INBOX) == 0
    await memory.close()


async def test_one_bus_for_each_name() -> None:
    """Channels to the same memory:// URL meet; other names are other buses."""
    one, same = await connect("memory://meet"), await connect("memory://meet")
    other = await connect("memory://elsewhere")
    await one.declare(INBOX, [(INPUT, "host.h1")])
    await same.publish(INPUT, "host.h1", Envelope(b"{}"), mandatory=True)
    assert await one.depth(INBOX) == 1
    assert await other.depth(INBOX) is None
    assert memory_bus("meet") is memory_bus("meet")
    for channel in (one, same, other):
        await channel.close()


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("#", "", True),
        ("#", "a.b", True),
        ("a.#", "a", True),
        ("#.b", "a.x.b", True),
        ("a.#.b", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a", "b", False),
        ("a", "a.b", False),
    ],
)
def test_topic_patterns(pattern: str, key: str, expected: bool) -> None:
    """AMQP's rules: `*` is exactly one word, `#` is none or more."""
    assert matches(pattern, key) is expected
