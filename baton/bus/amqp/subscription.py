"""A consumer on a queue, which outlives reconnects, and the messages that it delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from aiormq.abc import DeliveredMessage
from typing_extensions import override

from baton.bus.amqp import wire
from baton.bus.amqp.acks import AckBatcher
from baton.bus.amqp.connection import quietly
from baton.bus.channel import Delivery, Envelope, Handler, Subscription
from baton.bus.exchanges import Queue
from baton.bus.link import HandlerTasks
from baton.errors import Disconnected


@dataclass(eq=False, slots=True)
class AmqpDelivery(Delivery):
    """A message of RabbitMQ. Only the first call settles it."""

    envelope: Envelope
    key: str
    redelivered: bool
    _tag: int
    _settler: AckBatcher | None

    @override
    async def ack(self) -> None:
        """Acknowledge it. Does not wait for the network."""
        if self._settler is not None:
            self._settler.ack(self._tag)
            self._settler = None

    @override
    async def ack_and_fence(self) -> None:
        settler, self._settler = self._settler, None
        if settler is None:
            raise Disconnected(url="", reason="the message was settled before")
        await settler.ack_and_fence(self._tag)

    @override
    async def reject(self, *, requeue: bool) -> None:
        """Put it back, or dead-letter it. Does not wait for the network."""
        if self._settler is not None:
            self._settler.reject(self._tag, requeue)
            self._settler = None


def to_delivery(message: DeliveredMessage, settler: AckBatcher) -> AmqpDelivery:
    """Return what was delivered on the channel of `settler`."""
    return AmqpDelivery(
        wire.to_envelope(message),
        message.routing_key or "",
        bool(message.redelivered),
        message.delivery_tag or 0,
        settler,
    )


@dataclass(eq=False)
class AmqpSubscription(Subscription):
    """Passes the messages of `queue` to `handler`, over the AMQP channel of the current session."""

    queue: Queue
    handler: Handler
    prefetch: int
    handlers: HandlerTasks
    forget: Callable[[AmqpSubscription], None]
    again: Callable[[AmqpSubscription], Awaitable[None]]
    settler: AckBatcher | None = None
    tag: str = ""
    cancelled: bool = False
    resting: bool = False
    """Between `pause` and `resume`: it is to have no consumer."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever starts or ends its consumer."""
    paused: bool = False
    """While this is set nothing is passed on; what arrives is requeued in order when the channel
    closes."""

    async def receive(self, message: DeliveredMessage) -> None:
        """Pass on a message that arrived."""
        if self.settler is None or self.paused:
            return
        found = to_delivery(message, self.settler)
        if self.cancelled:
            self.settler.reject(message.delivery_tag or 0, requeue=True)
        else:
            self.handlers.start(self.handler, found)

    @override
    async def cancel(self) -> None:
        if self.cancelled:
            return
        self.cancelled = True
        self.forget(self)
        await self._end_consumer()

    @override
    async def pause(self) -> None:
        async with self.turn:
            if not self.resting:
                self.resting = True
                await self._end_consumer()

    @override
    async def resume(self, prefetch: int) -> None:
        async with self.turn:
            self.prefetch, self.resting = prefetch, False
            await self.again(self)

    async def _end_consumer(self) -> None:
        tag, self.tag = self.tag, ""
        if tag and self.settler is not None and not self.settler.channel.is_closed:
            # a lost connection has ended the consumer already
            await quietly(partial(self.settler.channel.basic_cancel, tag))
