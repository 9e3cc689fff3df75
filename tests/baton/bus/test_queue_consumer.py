"""How a part of a program takes what comes."""

from __future__ import annotations

from baton.bus.channel import Delivery, Envelope
from baton.bus.exchanges import DEAD_QUEUE, INPUT, Queue
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.queue_consumer import QueueConsumer
from tests.support.queues import first_of
from tests.support.wait import until

WORK, MORE = Queue("work"), Queue("more")


async def test_it_takes_from_its_queues_until_it_is_stopped() -> None:
    """Each queue is declared and bound; after the stop what comes stays in the queue."""
    channel = MemoryChannel("memory://test", on=MemoryBus("test"))
    got: list[str] = []

    async def handle(delivery: Delivery) -> None:
        got.append(delivery.envelope.id)
        await delivery.ack()

    consumer = QueueConsumer(channel)
    await consumer.consume(WORK, [(INPUT, "a.#")], handle, prefetch=1)
    await consumer.consume(MORE, [(INPUT, "b.#")], handle, prefetch=1)
    for key in ("a.1", "b.1"):
        await channel.publish(INPUT, key, Envelope(b"{}", id=key), mandatory=True)
    await until(lambda: got == ["a.1", "b.1"])
    await consumer.stop()
    await consumer.stop()
    await channel.publish(INPUT, "a.2", Envelope(b"{}", id="a.2"), mandatory=True)
    assert await channel.depth(WORK) == 1
    assert got == ["a.1", "b.1"]


async def test_a_message_that_cannot_be_handled_is_buried_and_counted() -> None:
    """It does not come again, and the next one is handled."""
    channel = MemoryChannel("memory://test", on=MemoryBus("test"))
    failures: list[bool] = []
    got: list[str] = []

    async def handle(delivery: Delivery) -> None:
        if delivery.envelope.id == "bad":
            raise LookupError("bad")
        got.append(delivery.envelope.id)
        await delivery.ack()

    consumer = QueueConsumer(channel, lambda: failures.append(True))
    await consumer.consume(WORK, [(INPUT, "a")], handle, prefetch=1)
    for id in ("bad", "good"):
        await channel.publish(INPUT, "a", Envelope(b"{}", id=id), mandatory=True)
    await until(lambda: got == ["good"])
    assert failures == [True]
    dead = await first_of(channel, DEAD_QUEUE)
    assert dead is not None
    assert dead.envelope.headers["baton-reason"] == "handling it failed: LookupError"
