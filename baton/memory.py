"""Channel in memory: `memory://NAME` is one bus for all of this process, with RabbitMQ's promises.

Each MemoryChannel acts as a connection of its own: when it closes or is dropped, what it had not
settled goes back to its queues. `bus(NAME).down()` and `.block()` play an outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from baton.channel import CONFIRM_WITHIN, Envelope, Handler, Link
from baton.errors import Blocked, Disconnected, Unroutable
from baton.exchanges import RETRY, STANDING_QUEUES, Queue, known, retry_queue
from baton.link import Handlers, Linked
from baton.memory_queues import Exchanges, Holder, MemoryQueue, Message, Timer


class MemoryBus:
    """The bus called `name`. `later` sets timers: the event loop's, unless a test has its own."""

    def __init__(self, name: str, later: Timer | None = None) -> None:
        self.name = name
        self.exchanges = Exchanges(later)
        self.link, self.reason = Link.UP, ""
        self._channels: list[MemoryChannel] = []
        for queue, bindings in STANDING_QUEUES:
            self.exchanges.declare(queue, bindings)

    def down(self, reason: str = "the bus is down") -> None:
        """Take the bus away from everybody, keeping what it holds."""
        self._change(Link.DOWN, reason)

    def block(self, reason: str = "low on memory") -> None:
        """Take no messages, as RabbitMQ does when its memory or disk runs low."""
        self._change(Link.BLOCKED, reason)

    def up(self) -> None:
        """End the outage."""
        self._change(Link.UP, "")

    def delete_queue(self, name: str) -> None:
        """Delete a queue, as an operator might; whoever consumes it makes it anew."""
        self.exchanges.delete(name)
        for channel in list(self._channels):
            channel.redeclare(name)

    def join(self, channel: MemoryChannel) -> None:
        """A channel is connected from now on."""
        self._channels.append(channel)
        channel.turn(self.link, self.reason)

    def leave(self, channel: MemoryChannel) -> None:
        """A channel is closed."""
        if channel in self._channels:
            self._channels.remove(channel)

    def _change(self, link: Link, reason: str) -> None:
        self.link, self.reason = link, reason
        for channel in list(self._channels):
            channel.turn(link, reason)


@cache
def bus(name: str) -> MemoryBus:
    """The bus of that name, the same for the whole process; made when first asked for."""
    return MemoryBus(name)


@dataclass(eq=False, slots=True)
class _Delivery:
    envelope: Envelope
    key: str
    redelivered: bool
    _message: Message
    _holder: Holder

    async def ack(self) -> None:
        self._holder.ack(self._message)

    async def reject(self, *, requeue: bool) -> None:
        self._holder.reject(self._message, requeue=requeue)


@dataclass(eq=False)
class _Subscription:
    channel: MemoryChannel
    queue: Queue
    handler: Handler
    prefetch: int
    holder: Holder | None = None

    async def cancel(self) -> None:
        self.channel.unsubscribe(self)


class MemoryChannel(Linked):
    """A connection to a MemoryBus: see `baton.channel.Channel` for what its methods promise."""

    def __init__(self, url: str, on: MemoryBus | None = None) -> None:
        super().__init__()
        self.url = url
        self.user, _, name = url.partition("://")[2].strip("/").rpartition("@")
        self._bus = on or bus(name or "baton")
        self._exchanges = self._bus.exchanges
        self._declared: dict[str, tuple[Queue, set[tuple[str, str]]]] = {}
        self._subscriptions: list[_Subscription] = []
        self._holders: list[Holder] = []
        self._handlers = Handlers()
        self._bus.join(self)

    @property
    def broker(self) -> str:
        """What it is: a bus of this process, which no other process can see; empty while down."""
        return "" if self.link is Link.DOWN else "a bus in memory"

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        """Make sure of a queue and its bindings."""
        if self.link is not Link.DOWN:
            self._exchanges.declare(queue, bindings)
        self._declared.setdefault(queue.name, (queue, set()))[1].update(bindings)

    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_WITHIN,
    ) -> None:
        """Route the message at once."""
        self._publish(exchange, (key,), envelope, mandatory)
        await asyncio.sleep(0)  # as a confirm would, let others have their turn

    async def publish_later(
        self, key: str, envelope: Envelope, *, after: float, timeout: float = CONFIRM_WITHIN
    ) -> None:
        """Put the message in the retry tier for `after` seconds."""
        self._publish(RETRY, (key, retry_queue(after).name), envelope, mandatory=True)
        await asyncio.sleep(0)

    def _publish(
        self, exchange: str, keys: Sequence[str], envelope: Envelope, mandatory: bool
    ) -> None:
        known(exchange)
        if self.link is Link.DOWN:
            raise Disconnected(url=self.url, reason=self.link_reason)
        if self.link is Link.BLOCKED:
            raise Blocked(url=self.url, reason=self.link_reason)
        if envelope.user != self.user:
            envelope = replace(envelope, user=self.user)
        if not self._exchanges.route(exchange, keys, envelope) and mandatory:
            raise Unroutable(key=keys[0], exchange=exchange)

    async def consume(
        self, queue: Queue, handler: Handler, *, prefetch: int = 100
    ) -> _Subscription:
        """Hand each message of `queue` to `handler`."""
        await self.declare(queue)
        subscription = _Subscription(self, queue, handler, prefetch)
        self._subscriptions.append(subscription)
        if self.link is not Link.DOWN:
            self._attach(subscription)
        return subscription

    async def get(self, queue: Queue) -> _Delivery | None:
        """One message of `queue`, if there is one."""
        found = self._find(queue)
        if found is None:
            return None
        holder = Holder(found)
        message = found.take(holder)
        if message is None:
            return None
        self._keep(holder)
        return _delivery(message, holder)

    async def depth(self, queue: Queue) -> int | None:
        """How many messages wait in `queue`; None if there is no such queue."""
        found = self._find(queue)
        return None if found is None else len(found)

    async def close(self) -> None:
        """Stop consuming and close."""
        for holder in self._holders:
            holder.prefetch = 0
        await self._handlers.drain()
        self._bus.leave(self)
        self.turn(Link.DOWN, "closed")

    def cut(self) -> None:
        """Lose the connection for good, as when the process is killed: nothing more is said."""
        self._bus.leave(self)
        self.turn(Link.DOWN, "cut")

    def drop(self) -> None:
        """Lose the connection and get it back at once: what was not settled is delivered again."""
        self.turn(Link.DOWN, "the connection was closed")
        self.turn(self._bus.link, self._bus.reason)

    def turn(self, link: Link, reason: str) -> None:
        """The bus says how the link is now."""
        if link is Link.DOWN:
            self._lose()
        elif self.link is Link.DOWN:
            for queue, bindings in self._declared.values():
                self._exchanges.declare(queue, tuple(bindings))
            for subscription in self._subscriptions:
                self._attach(subscription)
        self._change(link, reason)

    def redeclare(self, name: str) -> None:
        """Somebody deleted the queue `name`: if it is consumed here, make it and consume again."""
        affected = [item for item in self._subscriptions if item.queue.name == name]
        if affected and self.link is not Link.DOWN:
            queue, bindings = self._declared[name]
            self._exchanges.declare(queue, tuple(bindings))
            for subscription in affected:
                self._attach(subscription)

    def unsubscribe(self, subscription: _Subscription) -> None:
        """Hand no more messages to `subscription`."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            if subscription.holder is not None:
                subscription.holder.queue.detach(subscription.holder)

    def _attach(self, subscription: _Subscription) -> None:
        found = self._exchanges.find(subscription.queue.name)
        assert found is not None, "declared before it is consumed"

        def deliver(message: Message) -> None:
            self._handlers.start(subscription.handler, _delivery(message, holder))

        holder = subscription.holder = Holder(found, subscription.prefetch, deliver)
        self._keep(holder)
        found.attach(holder)

    def _keep(self, holder: Holder) -> None:
        """Remember `holder` for when the connection is lost; forget those that hold nothing."""
        consuming = [item.holder for item in self._subscriptions]
        self._holders = [item for item in self._holders if item.held or item in consuming]
        self._holders.append(holder)

    def _lose(self) -> None:
        holders, self._holders = self._holders, []
        for holder in holders:
            holder.release()

    def _find(self, queue: Queue) -> MemoryQueue | None:
        if self.link is Link.DOWN:
            raise Disconnected(url=self.url, reason=self.link_reason)
        return self._exchanges.find(queue.name)


def _delivery(message: Message, holder: Holder) -> _Delivery:
    return _Delivery(message.envelope, message.key, message.returns > 0, message, holder)
