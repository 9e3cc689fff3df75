"""QueueConsumer consumes the queues of one part of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from baton.bus.api import guard
from baton.bus.channel import Channel, Handler, Subscription
from baton.bus.exchanges import Queue


class QueueConsumer:
    """Passes the messages of queues to handlers, from `consume` until `stop`.

    The channel restores the consumers after a lost link. A message that cannot be handled is
    dead-lettered and counted by `failed`, so that it neither returns nor stops the others: see
    `guard`.
    """

    def __init__(self, channel: Channel, failed: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._failed = failed
        self._subscriptions: list[Subscription] = []

    async def consume(
        self, queue: Queue, bindings: Sequence[tuple[str, str]], handle: Handler, *, prefetch: int
    ) -> None:
        """Declare `queue` with its bindings and pass each message to `handle`, with at most
        `prefetch` unsettled at a time. Raises BusRefused."""
        await self._channel.declare(queue, bindings)
        handler = guard(self._channel, handle, self._failed)
        self._subscriptions.append(await self._channel.consume(queue, handler, prefetch=prefetch))

    async def stop(self) -> None:
        """Stop consuming. Messages already delivered can still be settled. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.cancel()
