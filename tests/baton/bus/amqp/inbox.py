"""A queue that tests take from, and how they open channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from baton.bus.amqp import AmqpChannel
from baton.bus.channel import Delivery, Envelope
from baton.bus.exchanges import INPUT, agent_queue

INBOX = agent_queue("h1")
Opener = Callable[..., Awaitable[AmqpChannel]]


async def inbox_of(channel: AmqpChannel) -> list[str]:
    """Consume the inbox of h1; the ids that arrive."""
    got: list[str] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery.envelope.id)
        await delivery.ack()

    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await channel.consume(INBOX, handler)
    return got


async def send(channel: AmqpChannel, id: str, timeout: float = 60) -> None:
    await channel.publish(INPUT, "host.h1", Envelope(b"{}", id=id), mandatory=True, timeout=timeout)
