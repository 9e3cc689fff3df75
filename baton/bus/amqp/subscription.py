"""A consumer on a queue, which outlives reconnects, and the messages that it delivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiormq.abc import DeliveredMessage
from typing_extensions import override

from baton.bus.amqp import wire
from baton.bus.amqp.acks import AckBatcher
from baton.bus.amqp.connection import quietly
from baton.bus.channel import Delivery, Envelope, Handler, Subscription
from baton.bus.exchanges import Queue
from baton.bus.link import HandlerTasks


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
    settler: AckBatcher | None = None
    tag: str = ""
    cancelled: bool = False
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
        if self.tag and self.settler is not None and not self.settler.channel.is_closed:
            # a lost connection has ended the consumer already
            await quietly(partial(self.settler.channel.basic_cancel, self.tag))
