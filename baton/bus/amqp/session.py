"""Session is one life of the connections to RabbitMQ: from connecting to the first fault.

Messages come in over one connection and go out over another. A broker that is low on memory stops
reading from those who publish; acknowledgements and the watchdog must not wait behind that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aiormq
from aiormq.exceptions import (
    AMQPError,
    ChannelAccessRefused,
    ChannelClosed,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from baton.bus.amqp import reasons, wire
from baton.bus.amqp.acks import AckBatcher
from baton.bus.amqp.connection import ANSWER_TIMEOUT, AmqpConnection, quietly, underlay_of
from baton.bus.amqp.publisher import Publisher
from baton.bus.amqp.rights import Rights
from baton.bus.amqp.subscription import AmqpDelivery, AmqpSubscription
from baton.bus.amqp.taking import MAX_TAKEN, Taking
from baton.bus.exchanges import EXCHANGES, PARKED, WORK_EXCHANGES, Exchange, Queue
from baton.bus.urls import redacted
from baton.errors import Disconnected

Publish = tuple[str, str]
"""An exchange and a routing key."""


class Session:
    """Two connections and all that uses them. `ended` gets the reason once one is lost.

    Any fault ends the whole session, since one way to recover is tested more often than several.
    """

    def __init__(
        self,
        url: str,
        incoming: AmqpConnection,
        outgoing: AmqpConnection,
        *,
        owner: bool,
        worker: bool,
    ) -> None:
        self.url = redacted(url)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.refused_publish: Publish | None = None
        """The publish whose refusal ended the session, if one did."""
        self.refused_queues: set[Queue] = set()
        """The optional queues that the broker refuses."""
        self.rights = Rights(incoming, url)
        self.broker = incoming.broker
        self._dialled = url
        self._owner = owner
        self._exchanges = (*EXCHANGES, *WORK_EXCHANGES) if worker else EXCHANGES
        self._consuming: list[AmqpSubscription] = []
        self._incoming = incoming
        self._outgoing = outgoing
        self._settlers: list[AckBatcher] = []
        self._getter: AckBatcher | None = None
        self._getting = asyncio.Lock()
        self._claims: aiormq.Channel | None = None
        self._claiming = asyncio.Lock()
        self.publisher: Publisher
        for connection in (incoming, outgoing):
            connection.underlay.closing.add_done_callback(self._lost)

    @classmethod
    async def open(
        cls,
        url: str,
        name: str,
        blocked: Callable[[bool], None],
        *,
        owner: bool = False,
        worker: bool = False,
    ) -> Session:
        """Connect to `url` under `name` and check the exchanges, for a `worker` also those of work;
        an `owner` creates them.

        Raises BusRefused, what the client library raises, or TimeoutError.
        """
        async with asyncio.timeout(ANSWER_TIMEOUT):
            incoming = await AmqpConnection.connect_to(url, name)
            try:
                outgoing = await AmqpConnection.connect_to(url, f"{name} (publishing)")
            except BaseException:
                await quietly(incoming.close)
                raise
        session = cls(url, incoming, outgoing, owner=owner, worker=worker)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await session._start(blocked)
        except BaseException:
            await session.close()
            raise
        return session

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]]) -> int:
        """Declare a queue and its bindings (exchange, key); return how many consumers it has.

        Raises BusRefused, QueueMismatch if it exists with other settings, Disconnected if an
        exchange is missing.
        """
        what = f"to declare queue {queue.name}"
        there = queue.foreign and await self.depth(queue) is not None
        try:
            async with self._incoming.short_lived_channel() as channel:
                made = await channel.declare_queue(
                    queue.name,
                    durable=True,
                    passive=there,
                    arguments=wire.queue_arguments(queue),
                    timeout=ANSWER_TIMEOUT,
                )
                for exchange, key in bindings:
                    what = f"to bind queue {queue.name} to {key} on {exchange}"
                    await made.bind(exchange, key, timeout=ANSWER_TIMEOUT)
        except ChannelPreconditionFailed as error:
            raise reasons.mismatch(error, self._dialled, queue.name) from None
        except ChannelNotFoundEntity as error:
            raise reasons.not_made(error, self._dialled) from None
        except (AMQPError, ValueError) as error:
            raise self._refusal(error, what) from None
        return made.declaration_result.consumer_count or 0

    async def ensure_exchanges(self) -> None:
        """Ensure that the exchanges exist. Raises BusRefused, or Disconnected if one is missing
        that we may not create."""
        for exchange in self._exchanges:
            if self._owner or not await self._is_there(exchange):
                await self._make(exchange)

    async def consume(self, subscription: AmqpSubscription) -> None:
        """Consume for `subscription` on an AMQP channel of its own. Raises BusRefused.

        Does nothing if this session does so already.
        """
        if subscription in self._consuming:
            return
        self._consuming.append(subscription)
        try:
            await self._consume(subscription)
        except BaseException:
            self._consuming.remove(subscription)
            raise

    def expected_consumers(self, queue: Queue) -> int:
        """Return how many consumers of ours `queue` must have."""
        if queue in self.refused_queues:
            return 0
        return sum(each.queue == queue and bool(each.tag) for each in self._consuming)

    async def _consume(self, subscription: AmqpSubscription) -> None:
        queue = subscription.queue
        subscription.tag, subscription.settler = "", None
        if queue.optional and (refused := await self.rights.consume(queue)) is not None:
            raise refused  # tried with every check, so not on a channel that is to live on
        subscription.settler = await self._settler()
        channel = subscription.settler.channel
        channel.on_consumer_cancel_callbacks.add(
            lambda _: self.fail(f"RabbitMQ cancelled our consumer on queue {queue.name}")
        )
        async with subscription.turn:
            if not subscription.resting:
                await self._take(subscription)
        # not earlier: a refusal closes the channel, and must not end the session
        channel.closing.add_done_callback(self._lost)

    async def resume(self, subscription: AmqpSubscription) -> None:
        """Consume for `subscription` again, which was paused, on the AMQP channel that it has in
        this session; without one it is still to be consumed for. Raises BusRefused."""
        if subscription in self._consuming and subscription.settler in self._settlers:
            await self._take(subscription)

    async def _take(self, subscription: AmqpSubscription) -> None:
        assert subscription.settler is not None
        channel, queue = subscription.settler.channel, subscription.queue
        await subscription.settler.allow(subscription.prefetch)
        try:
            answer = await channel.basic_consume(
                queue.name, subscription.receive, timeout=ANSWER_TIMEOUT
            )
        except (ChannelClosed, ValueError) as error:
            raise self._refusal(error, f"to consume queue {queue.name}") from None
        subscription.tag = answer.consumer_tag or ""
        if subscription.cancelled:
            await channel.basic_cancel(subscription.tag, timeout=ANSWER_TIMEOUT)

    async def _settler(self) -> AckBatcher:
        """Open a channel to take messages on."""
        opened = await self._incoming.open_channel(publisher_confirms=False)
        self._settlers.append(AckBatcher(await underlay_of(opened)))
        return self._settlers[-1]

    async def get(self, queue: Queue, most: int) -> list[AmqpDelivery]:
        """Take the first messages of `queue`, `most` at most."""
        wanted = min(most, MAX_TAKEN, await self.depth(queue) or 0)
        if not wanted:
            return []
        async with self._getting:
            if self._getter is None or self._getter.channel.is_closed:
                self._getter = await self._settler()
            taking = Taking(self._getter)
            try:
                await taking.take(queue.name, wanted, lambda: self.depth(queue))
            except ChannelAccessRefused as error:
                raise self._refusal(error, f"to read queue {queue.name}") from None
            except ChannelNotFoundEntity:  # deleted since
                return []
        return taking.taken

    async def depth(self, queue: Queue) -> int | None:
        """Return how many messages wait in `queue`; None if it does not exist."""
        try:
            async with self._incoming.short_lived_channel() as channel:
                found = await channel.declare_queue(
                    queue.name, passive=True, timeout=ANSWER_TIMEOUT
                )
        except ChannelNotFoundEntity:
            return None
        return found.declaration_result.message_count or 0

    async def claim(self, name: str, holder: str) -> bool:
        """Return whether `holder` has the claim `name`."""
        queue = wire.claim_queue(name)
        try:
            async with self._claiming:  # a refusal closes the channel, which is for one at a time
                if self._claims is None or self._claims.is_closed:
                    opened = await self._incoming.open_channel(publisher_confirms=False)
                    self._claims = await underlay_of(opened)
                await self._claims.queue_declare(
                    queue,
                    durable=True,
                    arguments=wire.claim_arguments(holder),
                    timeout=ANSWER_TIMEOUT,
                )
                # so that others can ask whether it is there without an error, which costs a channel
                await self._claims.queue_bind(queue, PARKED, queue, timeout=ANSWER_TIMEOUT)
        except ChannelPreconditionFailed:
            return False
        except (ChannelAccessRefused, ValueError) as error:
            raise self._refusal(error, f"to declare queue {queue}") from None
        return True

    def drop(self, subscription: AmqpSubscription) -> None:
        """Expect `subscription` no longer: it is cancelled."""
        if subscription in self._consuming:
            self._consuming.remove(subscription)

    def fail(self, reason: str) -> None:
        """End this session for `reason`."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        """Send the acknowledgements that are left, and close both connections."""
        self.fail("closed")
        for settler in self._settlers:
            if not settler.channel.is_closed:
                await quietly(settler.flush)
        if hasattr(self, "publisher"):
            await self.publisher.close()
        await asyncio.gather(quietly(self._incoming.close), quietly(self._outgoing.close))

    async def _start(self, blocked: Callable[[bool], None]) -> None:
        channel = await underlay_of(await self._outgoing.open_channel(on_return_raises=True))
        self.publisher = Publisher(channel, self.url, blocked, wire.account_of(self._dialled))
        channel.closing.add_done_callback(self._lost_outgoing)
        await self.ensure_exchanges()

    async def _is_there(self, exchange: Exchange) -> bool:
        try:
            async with self._incoming.short_lived_channel() as channel:
                await channel.declare_exchange(exchange.name, passive=True, timeout=ANSWER_TIMEOUT)
        except ChannelNotFoundEntity:
            return False
        return True

    async def _make(self, exchange: Exchange) -> None:
        try:
            async with self._incoming.short_lived_channel() as channel:
                await channel.declare_exchange(
                    exchange.name, exchange.kind, durable=True, timeout=ANSWER_TIMEOUT
                )
        except ChannelClosed as error:
            refused = isinstance(error, ChannelAccessRefused)
            if refused and await self._is_there(exchange):
                return
            if refused and not self._owner:
                missing = ChannelNotFoundEntity(f"there is no exchange {exchange.name} yet")
                raise reasons.not_made(missing, self._dialled) from None
            raise self._refusal(error, f"to declare exchange {exchange.name}") from None

    def _refusal(self, error: Exception, what: str) -> Exception:
        return reasons.refusal(error, self._dialled, what) or error

    def _lost(self, closing: asyncio.Future[Any]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.fail("the connection was closed" if error is None else reasons.reason_of(error))

    def _lost_outgoing(self, closing: asyncio.Future[Any]) -> None:
        if not closing.cancelled():
            error = closing.exception()
            if isinstance(error, ChannelAccessRefused) and not self.ended.done():
                self.refused_publish = reasons.refused_publish(reasons.reason_of(error))
        self._lost(closing)


async def answered(work: Coroutine[Any, Any, Any], url: str) -> Any:
    """Return the broker's answer to `work`. Raises Disconnected if the connection is lost.

    The client cancels the callers of a connection that it gives up; to them this must not look as
    if somebody had cancelled them.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise Disconnected(url=url, reason="the connection was lost") from None
        # the client may end it by an error, which concerns nobody now
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.cancel()
        raise
