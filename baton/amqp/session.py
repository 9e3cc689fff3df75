"""One life of the connections to RabbitMQ: from connecting to the first fault.

Messages come in over one connection and go out over another. A broker that is low on memory stops
reading from those who publish; acknowledgements and the watchdog must not wait behind that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiormq
import structlog
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed, InvalidFrameError
from pamqp.commands import Basic

from baton.amqp import reading, wire
from baton.amqp.gathering import Gathering
from baton.amqp.publisher import Publisher
from baton.amqp.settling import Settler
from baton.amqp.subscription import AmqpDelivery, AmqpSubscription, delivery
from baton.errors import Disconnected, QueueMismatch
from baton.exchanges import EXCHANGES, Queue

log = structlog.get_logger(__name__)

reading.install()

ANSWER_WITHIN = 10.0
"""How long the broker may take to answer anything, in seconds."""

Binding = tuple[Queue, str, str]
"""A queue, an exchange and a key; with no exchange, just the queue."""


class Session:
    """Two connections and all that lives on them. `ended` gets the reason once one is lost.

    Any fault ends the whole session: one way to mend things is proven more often than several.
    """

    def __init__(
        self, url: str, incoming: AbstractConnection, outgoing: AbstractConnection
    ) -> None:
        self.url = wire.shown(url)
        self._user = wire.account(url)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._incoming = incoming
        self._outgoing = outgoing
        self._settlers: list[Settler] = []
        self._getter: Settler | None = None
        self.publisher: Publisher
        for connection in (incoming, outgoing):
            connection.closing.add_done_callback(self._lost)

    @classmethod
    async def open(cls, url: str, name: str, blocked: Callable[[bool], None]) -> Session:
        """Connect to `url` as `name` and make sure of the exchanges.

        Raises what the client library raises, or TimeoutError.
        """
        async with asyncio.timeout(ANSWER_WITHIN):
            incoming = await _connect(url, name)
            try:
                session = cls(url, incoming, await _connect(url, f"{name} (publishing)"))
            except BaseException:
                await _quietly(incoming.close)
                raise
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await session._start(blocked)
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def broker(self) -> str:
        """What the broker calls itself, and its version."""
        said = self._incoming.server_properties
        return f"{_text(said.get('product'))} {_text(said.get('version'))}"

    async def declare(self, bindings: Iterable[Binding]) -> None:
        """Make sure of queues and bindings. Raises QueueMismatch if a queue has other settings."""
        async with self._scratch() as channel:
            for queue, exchange, key in bindings:
                if exchange:
                    await channel.queue_bind(
                        queue.name, exchange, routing_key=key, timeout=ANSWER_WITHIN
                    )
                    continue
                try:
                    await channel.queue_declare(
                        queue.name,
                        durable=True,
                        arguments=wire.queue_arguments(queue),
                        timeout=ANSWER_WITHIN,
                    )
                except ChannelPreconditionFailed as error:
                    raise QueueMismatch(queue=queue.name, reason=wire.why(error)) from None

    async def consume(self, subscription: AmqpSubscription) -> None:
        """Consume for `subscription`, over an AMQP channel of its own."""
        channel = await self._incoming.channel(publisher_confirms=False, timeout=ANSWER_WITHIN)
        channel.closing.add_done_callback(self._lost)
        channel.on_consumer_cancel_callbacks.add(
            lambda _: self.fault(f"the broker took away the queue {subscription.queue.name}")
        )
        subscription.tag = ""
        subscription.settler = Settler(channel)
        self._settlers.append(subscription.settler)
        await channel.basic_qos(prefetch_count=subscription.prefetch, timeout=ANSWER_WITHIN)
        answer = await channel.basic_consume(
            subscription.queue.name, subscription.receive, timeout=ANSWER_WITHIN
        )
        subscription.tag = answer.consumer_tag or ""
        if subscription.cancelled:
            await channel.basic_cancel(subscription.tag, timeout=ANSWER_WITHIN)

    async def get(self, queue: Queue) -> AmqpDelivery | None:
        """One message of `queue`, if there is one."""
        if await self.depth(queue) is None:
            return None
        if self._getter is None or self._getter.channel.is_closed:
            channel = await self._incoming.channel(publisher_confirms=False, timeout=ANSWER_WITHIN)
            self._getter = Settler(channel)
            self._settlers.append(self._getter)
        message = await self._getter.channel.basic_get(queue.name, timeout=ANSWER_WITHIN)
        if isinstance(message.delivery, Basic.GetEmpty):
            return None
        return delivery(message, self._getter)

    async def depth(self, queue: Queue) -> int | None:
        """How many messages wait in `queue`; None if there is no such queue."""
        found = await self._look(queue.name)
        return None if found is None else found[0]

    async def watch(self, subscriptions: Sequence[AmqpSubscription]) -> None:
        """Prove that the broker has our consumers; a fault if it has not, or does not answer."""
        wanted: dict[str, int] = {}
        for subscription in subscriptions:
            if subscription.tag:  # else it is about to consume
                wanted[subscription.queue.name] = wanted.get(subscription.queue.name, 0) + 1
        for name, count in wanted.items():
            found = await self._look(name)
            if found is None or found[1] < count:
                self.fault(f"the broker has no consumer of ours on {name}")

    def fault(self, reason: str) -> None:
        """This session is of no use any more."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        """Hand over what is settled, and close both connections."""
        self.fault("closed")
        for settler in self._settlers:
            if not settler.channel.is_closed:
                await _quietly(settler.flush)
        if hasattr(self, "publisher"):
            await self.publisher.close()
        await asyncio.gather(_quietly(self._incoming.close), _quietly(self._outgoing.close))

    async def _start(self, blocked: Callable[[bool], None]) -> None:
        channel = await self._outgoing.channel(timeout=ANSWER_WITHIN)
        assert isinstance(channel, aiormq.Channel)
        channel.closing.add_done_callback(self._lost)
        self.publisher = Publisher(self._outgoing, channel, self.url, blocked, self._user)
        async with self._scratch() as scratch:
            for exchange in EXCHANGES:
                await scratch.exchange_declare(
                    exchange.name, exchange_type=exchange.kind, durable=True, timeout=ANSWER_WITHIN
                )

    async def _look(self, name: str) -> tuple[int, int] | None:
        """Messages and consumers of a queue, if it exists."""
        try:
            async with self._scratch() as channel:
                answer = await channel.queue_declare(name, passive=True, timeout=ANSWER_WITHIN)
        except ChannelNotFoundEntity:
            return None
        return answer.message_count or 0, answer.consumer_count or 0

    @asynccontextmanager
    async def _scratch(self) -> AsyncIterator[AbstractChannel]:
        """An AMQP channel for a question that may close it."""
        channel = await self._incoming.channel(publisher_confirms=False, timeout=ANSWER_WITHIN)
        try:
            yield channel
        finally:
            if not channel.is_closed:
                await _quietly(channel.close)

    def _lost(self, closing: asyncio.Future[Any]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.fault("the connection was closed" if error is None else wire.why(error))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "unknown")


async def _connect(url: str, name: str) -> AbstractConnection:
    try:
        return await aiormq.connect(
            wire.dialled(url),
            client_properties={"connection_name": name, "product": "Baton"},
            transport_factory=Gathering(),
        )
    except InvalidFrameError as error:
        if "OpenOk" not in str(error):
            raise
        # The client does not read what the broker says here.
        raise Disconnected(
            url=wire.shown(url),
            reason=f"the broker refuses the virtual host of {wire.shown(url)}: "
            "it does not exist, or this user may not use it",
        ) from None


async def _quietly(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Do `work` on something that may be broken already; at most for a while."""
    task = asyncio.create_task(work())
    _, late = await asyncio.wait({task}, timeout=ANSWER_WITHIN / 2)
    if late:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("while closing", error=repr(error))


async def answered(work: Coroutine[Any, Any, Any], url: str) -> Any:
    """What the broker answers to `work`. Raises Disconnected if the connection is lost meanwhile.

    The client may cancel whoever waits on a connection that it gives up; that must not look as if
    somebody had cancelled us.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise Disconnected(url=url, reason="the connection was lost") from None
        task.cancel()
        raise
