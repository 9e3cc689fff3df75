"""Rights asks RabbitMQ what this account may do, without doing it.

The broker checks permissions before arguments: it answers a call with an impossible argument with
403 if the permission is missing, and with 406, without any effect, if the account has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aio_pika.abc import AbstractIncomingMessage
from aiormq.exceptions import ChannelClosed, ChannelNotFoundEntity, ChannelPreconditionFailed
from pamqp.commands import Basic
from pamqp.common import FieldValue

from baton.bus.amqp import reasons, wire
from baton.bus.amqp.connection import ANSWER_TIMEOUT, AmqpConnection, ShortLivedChannel, underlay_of
from baton.bus.exchanges import Queue
from baton.errors import BusRefused

IMPOSSIBLE = "nothing"


class Rights:
    """Asks over `connection` what the account of `url` may do."""

    def __init__(self, connection: AmqpConnection, url: str) -> None:
        self._connection = connection
        self._url = url

    async def missing(
        self, queue: Queue, bindings: Sequence[tuple[str, str]], there: bool
    ) -> list[BusRefused]:
        """Return what is refused of declaring, binding and consuming `queue`.

        If it exists (`there`), its own declaration and bindings are asked, which change nothing.
        """
        found = [await self._declare(queue, there)]
        for exchange, key in bindings:
            found.append(await self._bind(queue, exchange, key, there))
        found.append(await self.consume(queue))
        return [one for one in found if one is not None]

    async def publish(self, exchange: str, key: str) -> BusRefused | None:
        """Return why a publish would be refused; None if it is allowed."""

        async def ask(channel: ShortLivedChannel) -> None:
            underlay = await underlay_of(channel)
            properties = Basic.Properties(expiration=IMPOSSIBLE)
            await underlay.basic_publish(
                b"", exchange=exchange, routing_key=key, properties=properties, wait=False
            )
            # the broker answers by closing the channel, in either case
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await asyncio.shield(underlay.closing)

        return await self._ask(f"to publish {key} on {exchange}", ask, ChannelPreconditionFailed)

    async def consume(self, queue: Queue) -> BusRefused | None:
        """Return why consuming `queue` would be refused; None if it is allowed."""

        async def nothing(_: AbstractIncomingMessage) -> None:
            raise AssertionError("nothing is consumed")

        async def ask(channel: ShortLivedChannel) -> None:
            found = await channel.get_queue(queue.name, ensure=False)
            arguments: dict[str, FieldValue] = {"x-priority": IMPOSSIBLE}
            await found.consume(nothing, arguments=arguments, timeout=ANSWER_TIMEOUT)

        allowed = (ChannelPreconditionFailed, ChannelNotFoundEntity)
        return await self._ask(f"to consume queue {queue.name}", ask, *allowed)

    async def _declare(self, queue: Queue, there: bool) -> BusRefused | None:
        if there and queue.foreign:
            return None  # it is not declared
        arguments = wire.queue_arguments(queue)
        if not there:
            arguments["x-max-length"] = IMPOSSIBLE

        async def ask(channel: ShortLivedChannel) -> None:
            try:
                await channel.declare_queue(
                    queue.name, durable=True, arguments=arguments, timeout=ANSWER_TIMEOUT
                )
            except ChannelPreconditionFailed as error:
                if there:
                    raise reasons.mismatch(error, self._url, queue.name) from None

        return await self._ask(f"to declare queue {queue.name}", ask)

    async def _bind(self, queue: Queue, exchange: str, key: str, there: bool) -> BusRefused | None:
        async def ask(channel: ShortLivedChannel) -> None:
            found = await channel.get_queue(queue.name, ensure=False)
            await (found.bind if there else found.unbind)(exchange, key, timeout=ANSWER_TIMEOUT)

        # a missing exchange: the broker checked the permission for it before
        what = f"to bind queue {queue.name} to {key} on {exchange}"
        return await self._ask(what, ask, ChannelNotFoundEntity)

    async def _ask(
        self,
        what: str,
        ask: Callable[[ShortLivedChannel], Awaitable[None]],
        *allowed: type[ChannelClosed],
    ) -> BusRefused | None:
        """Return why `ask` is refused `what`. An error of `allowed` means that it is allowed."""
        try:
            async with self._connection.short_lived_channel() as channel:
                await ask(channel)
        except BusRefused as error:
            return error
        except allowed:
            return None
        except (ChannelClosed, ValueError) as error:
            if (refused := reasons.refusal(error, self._url, what)) is None:
                raise
            return refused
        return None
