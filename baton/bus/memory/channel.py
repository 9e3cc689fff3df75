"""Channel in memory: `memory://NAME` is one bus for the whole process, with RabbitMQ's promises.

Each MemoryChannel acts as a connection of its own: when it closes or is dropped, its unsettled
messages return to their queues. `memory_bus(NAME).down()` and `.block()` simulate an outage,
`.deny()` an account without permissions, `.unbind()` and the like an operator's mistakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from typing_extensions import override

from baton.bus.channel import (
    CONFIRM_TIMEOUT,
    Channel,
    Envelope,
    Handler,
    Link,
    Subscription,
)
from baton.bus.exchanges import DEAD_BINDINGS, DEAD_QUEUE, Queue, check_exchange
from baton.bus.link import WATCH_INTERVAL, HandlerTasks, Linked
from baton.bus.memory.delivery import MemoryDelivery, to_delivery
from baton.bus.memory.queues import Holder, MemoryExchanges, MemoryQueue, QueuedMessage, Timer
from baton.errors import BusBlocked, BusRefused, Disconnected, Unconfirmed, Unroutable


class MemoryBus:
    """The bus called `name`. `later` sets timers: those of the event loop, or those of a test."""

    def __init__(self, name: str, later: Timer | None = None) -> None:
        self.name = name
        self.exchanges = MemoryExchanges(later)
        self.link, self.reason = Link.UP, ""
        self._channels: list[MemoryChannel] = []
        self._denied: set[str] = set()
        self.make_standing()

    def make_standing(self) -> None:
        """Ensure that the exchanges and the queue of dead letters exist."""
        self.exchanges.make_exchanges()
        self.exchanges.declare(DEAD_QUEUE, DEAD_BINDINGS)

    def down(self, reason: str = "the bus in memory is down") -> None:
        """Disconnect everybody; the bus keeps its messages."""
        self._change(Link.DOWN, reason)

    def block(self, reason: str = "low on memory") -> None:
        """Accept no messages, as RabbitMQ does when its memory or disk space is low."""
        self._change(Link.BLOCKED, reason)

    def up(self) -> None:
        """End the outage."""
        self._change(Link.UP, "")

    def delete_queue(self, name: str) -> None:
        """Delete a queue, as an operator might; its consumers declare it again."""
        self.exchanges.delete(name)
        for channel in list(self._channels):
            channel.redeclare(name)

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange with its bindings; the channels that need it restore it with their
        next check."""
        self.exchanges.delete_exchange(name)
        self._look_later()

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Remove a binding; the channels that need it restore it with their next check."""
        self.exchanges.unbind(queue, exchange, key)
        self._look_later()

    def deny(self, *names: str) -> None:
        """Refuse the queues and exchanges `names` to everybody, from the next check on."""
        self._denied.update(names)
        self._look_later()

    def allow(self, *names: str) -> None:
        """Stop refusing `names`."""
        self._denied.difference_update(names)
        self._look_later()

    def refused(self, what: str, *names: str) -> BusRefused | None:
        """Return why `what`, which needs all of `names`, is refused; None if it is allowed."""
        for name in names:
            if name in self._denied:
                reason = f"ACCESS_REFUSED - access to {name} in {self.name} refused"
                return BusRefused(
                    user="memory", what=what, reason=reason, fix="Grant the permission."
                )
        return None

    def _look_later(self) -> None:
        def look() -> None:
            for channel in list(self._channels):
                channel.check()

        self.exchanges.later(WATCH_INTERVAL, look)

    def join(self, channel: MemoryChannel) -> None:
        """Connect `channel`."""
        self._channels.append(channel)
        channel.set_link(self.link, self.reason)

    def leave(self, channel: MemoryChannel) -> None:
        """Disconnect `channel`."""
        if channel in self._channels:
            self._channels.remove(channel)

    def _change(self, link: Link, reason: str) -> None:
        self.link, self.reason = link, reason
        for channel in list(self._channels):
            channel.set_link(link, reason)


@cache
def memory_bus(name: str) -> MemoryBus:
    """Return the bus of that name, which is one for the whole process."""
    return MemoryBus(name)


@dataclass(eq=False)
class MemorySubscription(Subscription):
    """A consumer on `queue`, attached to it while the link is up."""

    channel: MemoryChannel
    queue: Queue
    handler: Handler
    prefetch: int
    holder: Holder | None = None
    resting: bool = False

    @override
    async def cancel(self) -> None:
        self.channel.unsubscribe(self)

    @override
    async def pause(self) -> None:
        self.resting = True
        if self.holder is not None:
            self.holder.queue.detach(self.holder)
            self.holder = None

    @override
    async def resume(self, prefetch: int) -> None:
        self.prefetch, self.resting = prefetch, False
        self.channel.attach_all()


class MemoryChannel(Linked, Channel):
    """A connection to a MemoryBus."""

    def __init__(self, url: str, on: MemoryBus | None = None) -> None:
        super().__init__()
        self.url = url
        self.user, _, name = url.partition("://")[2].strip("/").rpartition("@")
        self._bus = on or memory_bus(name or "baton")
        self._exchanges = self._bus.exchanges
        self._refused_publish = ""
        self._declared: dict[str, tuple[Queue, set[tuple[str, str]]]] = {}
        self._subscriptions: list[MemorySubscription] = []
        self._holders: list[Holder] = []
        self._handlers = HandlerTasks()
        self._bus.join(self)

    @property
    @override
    def broker(self) -> str:
        return "" if self.link is Link.DOWN else "a bus in memory"

    @override
    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        if self.link is not Link.DOWN:
            self._place(queue, bindings)
        self._declared.setdefault(queue.name, (queue, set()))[1].update(bindings)

    @override
    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_TIMEOUT,
    ) -> None:
        check_exchange(exchange)
        if self.link is Link.DOWN:
            raise Disconnected(url=self.url, reason=self.link_reason)
        if self.link is Link.BLOCKED:
            raise BusBlocked(url=self.url, reason=self.link_reason)
        refused = self._bus.refused(f"to publish {key} on {exchange}", exchange)
        if refused is not None:
            self._refused_publish = exchange
            self._refuse_link(refused)
            raise Unconfirmed(key=key, exchange=exchange, reason=str(refused))
        if not self._exchanges.has(exchange):  # as RabbitMQ does, which closes the AMQP channel
            self.drop()
            raise Unconfirmed(key=key, exchange=exchange, reason=f"there was no {exchange}")
        if envelope.user != self.user:
            envelope = replace(envelope, user=self.user)
        if not self._exchanges.route(exchange, key, envelope) and mandatory:
            raise Unroutable(key=key, exchange=exchange)
        await asyncio.sleep(0)  # as a confirm would, let other tasks run

    @override
    async def consume(
        self, queue: Queue, handler: Handler, *, prefetch: int = 100
    ) -> MemorySubscription:
        await self.declare(queue)
        subscription = MemorySubscription(self, queue, handler, prefetch)
        self._subscriptions.append(subscription)
        if self.link is not Link.DOWN:
            self.attach_all()
        return subscription

    @override
    async def get(self, queue: Queue, most: int) -> list[MemoryDelivery]:
        found = self._find(queue)
        if found is None:
            return []
        holder = Holder(found)
        taken: list[MemoryDelivery] = []
        while len(taken) < most and (message := found.take(holder)) is not None:
            taken.append(to_delivery(message, holder))
        if taken:
            self._keep(holder)
        return taken

    @override
    async def depth(self, queue: Queue) -> int | None:
        found = self._find(queue)
        return None if found is None else len(found)

    @override
    async def claim(self, name: str, holder: str) -> bool:
        self._ask_up()
        if (refused := self._bus.refused("to claim", f"claim.{name}")) is not None:
            raise refused
        return self._exchanges.claim(name, holder)

    @override
    async def is_claimed(self, name: str) -> bool:
        self._ask_up()
        return self._exchanges.is_claimed(name)

    @override
    async def missing_rights(
        self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()
    ) -> Sequence[BusRefused]:
        self._find(queue)
        exchanges = [exchange for exchange, _ in bindings]
        refused = self._bus.refused(f"to use queue {queue.name}", queue.name, *exchanges)
        return [] if refused is None else [refused]

    @override
    async def may_not_publish(self, exchange: str, key: str) -> BusRefused | None:
        return self._bus.refused(f"to publish {key} on {exchange}", exchange)

    @override
    async def close(self) -> None:
        for holder in self._holders:
            holder.prefetch = 0
        await self._handlers.drain()
        self._bus.leave(self)
        self.set_link(Link.DOWN, "closed")

    def cut(self) -> None:
        """Lose the connection for good, as when the process is killed."""
        self._bus.leave(self)
        self.set_link(Link.DOWN, "cut")

    def drop(self) -> None:
        """Lose the connection and reconnect at once: unsettled messages are delivered again."""
        self.set_link(Link.DOWN, "the connection was closed")
        self.set_link(self._bus.link, self._bus.reason)

    def set_link(self, link: Link, reason: str) -> None:
        """Change the link as the bus says."""
        if link is Link.DOWN:
            self._lose()
        elif self.link is Link.DOWN and not self._put_back():
            return
        self._change(link, reason)

    def check(self) -> None:
        """Restore what somebody deleted, and retry what was refused."""
        if self._bus.link is Link.DOWN:
            return
        if self.link is Link.DOWN:
            self.set_link(self._bus.link, self._bus.reason)
        else:
            self._put_back()

    def redeclare(self, name: str) -> None:
        """Declare and consume the queue `name` again, which was deleted, if it is consumed here."""
        if any(item.queue.name == name for item in self._subscriptions):
            self.check()

    def unsubscribe(self, subscription: MemorySubscription) -> None:
        """Stop the deliveries to `subscription`."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            if subscription.holder is not None:
                subscription.holder.queue.detach(subscription.holder)

    def _put_back(self) -> bool:
        """Restore all that is declared and consumed. If it is refused, the link is down."""
        try:
            refused = self._bus.refused("to publish", self._refused_publish)
            if refused is not None:
                raise refused
            self._refused_publish = ""
            self._bus.make_standing()
            for queue, bindings in self._declared.values():
                self._place(queue, tuple(bindings))
        except BusRefused as error:
            self._refuse_link(error)
            return False
        self.attach_all()
        return True

    def _refuse_link(self, refusal: BusRefused) -> None:
        self._lose()
        self._change(Link.DOWN, str(refusal), refusal=refusal)

    def _place(self, queue: Queue, bindings: Sequence[tuple[str, str]]) -> None:
        """Declare `queue`. Raises BusRefused, unless the queue is optional."""
        exchanges = [exchange for exchange, _ in bindings]
        try:
            what = f"to declare queue {queue.name}"
            refused = self._bus.refused(what, queue.name, *exchanges)
            if refused is not None:
                raise refused
            self._exchanges.declare(queue, bindings)
        except BusRefused as error:
            if not queue.optional:
                raise
            self._lack(queue.name, error)
        else:
            self._lack(queue.name, None)

    def attach_all(self) -> None:
        """Attach each subscription to its queue that is not, and does not rest."""
        for subscription in self._subscriptions:
            if subscription.resting:
                continue
            found = self._exchanges.find(subscription.queue.name)
            holder = subscription.holder
            if found is not None and (holder is None or holder.queue is not found):
                self._attach(subscription, found)

    def _attach(self, subscription: MemorySubscription, found: MemoryQueue) -> None:
        def deliver(message: QueuedMessage) -> None:
            self._handlers.start(subscription.handler, to_delivery(message, holder))

        holder = subscription.holder = Holder(found, subscription.prefetch, deliver)
        self._keep(holder)
        found.attach(holder)

    def _keep(self, holder: Holder) -> None:
        """Note `holder` for when the connection is lost, and drop those that hold nothing."""
        consuming = [item.holder for item in self._subscriptions]
        self._holders = [item for item in self._holders if item.held or item in consuming]
        self._holders.append(holder)

    def _lose(self) -> None:
        holders, self._holders = self._holders, []
        for subscription in self._subscriptions:
            subscription.holder = None
        for holder in holders:
            holder.release()

    def _ask_up(self) -> None:
        if self.link is Link.DOWN:
            raise Disconnected(url=self.url, reason=self.link_reason)

    def _find(self, queue: Queue) -> MemoryQueue | None:
        self._ask_up()
        return self._exchanges.find(queue.name)
