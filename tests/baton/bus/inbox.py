"""What tests of the contract of Channel share: a handler, envelopes, and a queue of work."""

from __future__ import annotations

import asyncio

from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.exchanges import DEAD_QUEUE, INPUT, Queue
from tests.support.buses import Bus
from tests.support.queues import first_of
from tests.support.wait import until

WORK = Queue("work")


class Inbox:
    """A handler that keeps what it gets, and acknowledges it if asked to."""

    def __init__(self, ack: bool = True) -> None:
        self.ack = ack
        self.got: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        if self.ack:
            await delivery.ack()

    @property
    def ids(self) -> list[str]:
        return [delivery.envelope.id for delivery in self.got]


def letter(id: str) -> Envelope:
    return Envelope(b"{}", id=id)


async def send(channel: Channel, *ids: str, key: str = "host.h1") -> None:
    """Publish letters one after the other, without waiting between them."""
    await asyncio.gather(
        *(channel.publish(INPUT, key, letter(id), mandatory=True, timeout=60) for id in ids)
    )


async def work_queue(bus: Bus, queue: Queue = WORK, key: str = "host.h1") -> Channel:
    channel = await bus.open()
    await channel.declare(queue, [(INPUT, key)])
    return channel


async def the_dead(bus: Bus, channel: Channel) -> Delivery:
    """The first dead letter, once it is there."""
    found = await until(lambda: first_of(channel, DEAD_QUEUE))
    assert found is not None
    return found
