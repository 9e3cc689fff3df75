"""QueueConsumer: how a part of a program takes what comes in its queues."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from baton.bus.api import guard
from baton.bus.channel import Channel, Handler, Subscription
from baton.bus.exchanges import Queue


class QueueConsumer:
    """Hands the messages of queues to handlers, from `consume` until `stop`.

    The channel consumes again after each lost link. One message neither goes round nor harms the
    others: see `guard`, which calls `failed` for each that cannot be handled.
    """

    def __init__(self, channel: Channel, failed: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._failed = failed
        self._subscriptions: list[Subscription] = []

    async def consume(
        self, queue: Queue, bindings: Sequence[tuple[str, str]], handle: Handler, *, prefetch: int
    ) -> None:
        """Make sure of `queue` and its bindings, and hand each message to `handle`, at most
        `prefetch` unsettled at a time. Raises BusRefused."""
        await self._channel.declare(queue, bindings)
        handler = guard(self._channel, handle, self._failed)
        self._subscriptions.append(await self._channel.consume(queue, handler, prefetch=prefetch))

    async def stop(self) -> None:
        """Take nothing more; what was handed out can still be settled. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.cancel()
