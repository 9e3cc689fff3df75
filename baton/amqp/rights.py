"""Asking RabbitMQ what this account may do, without doing it.

The broker looks at the rights before it looks at the arguments: what is asked with an argument that
cannot be is refused with 403 if the right is missing, and with 406, of no effect, if it is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelClosed,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)
from pamqp.commands import Basic

from baton.amqp import reasons, wire
from baton.errors import BusRefused
from baton.exchanges import Queue

Scratch = Callable[[], AbstractAsyncContextManager[AbstractChannel]]
"""Opens an AMQP channel for a question that may close it."""

IMPOSSIBLE = "nothing"


class Rights:
    """What the account of `url` may do, asked over channels of their own, within `timeout` s."""

    def __init__(self, scratch: Scratch, url: str, timeout: float) -> None:
        self._scratch = scratch
        self._url = url
        self._timeout = timeout

    async def missing(
        self, queue: Queue, bindings: Sequence[tuple[str, str]], there: bool
    ) -> list[BusRefused]:
        """What of declaring, binding and consuming `queue` is refused. `there` says whether it
        exists: then its own declaration and bindings, which change nothing, are what is asked."""
        found = [await self._declare(queue, there)]
        for exchange, key in bindings:
            found.append(await self._bind(queue, exchange, key, there))
        found.append(await self._consume(queue))
        return [one for one in found if one is not None]

    async def publish(self, exchange: str, key: str) -> BusRefused | None:
        """Why a publish would be refused, if it would."""
        async with self._scratch() as channel:
            assert isinstance(channel, aiormq.Channel)
            await channel.basic_publish(
                b"",
                exchange=exchange,
                routing_key=key,
                properties=Basic.Properties(expiration=IMPOSSIBLE),
                wait=False,
            )
            # whichever it is, the broker answers by closing the channel
            async with asyncio.timeout(self._timeout):
                try:
                    await asyncio.shield(channel.closing)
                except (ChannelAccessRefused, ChannelNotFoundEntity) as error:
                    return self._refused(error, f"to publish {key} on {exchange}")
                except ChannelClosed:
                    return None
        return None

    async def _declare(self, queue: Queue, there: bool) -> BusRefused | None:
        arguments = wire.queue_arguments(queue)
        if not there:
            arguments["x-max-length"] = IMPOSSIBLE
        try:
            async with self._scratch() as channel:
                await channel.queue_declare(
                    queue.name, durable=True, arguments=arguments, timeout=self._timeout
                )
        except ChannelPreconditionFailed as error:
            return reasons.mismatch(error, self._url, queue.name) if there else None
        except (ChannelClosed, ValueError) as error:
            return self._refused(error, f"to declare queue {queue.name}")
        return None

    async def _bind(self, queue: Queue, exchange: str, key: str, there: bool) -> BusRefused | None:
        try:
            async with self._scratch() as channel:
                ask = channel.queue_bind if there else channel.queue_unbind
                await ask(queue.name, exchange, routing_key=key, timeout=self._timeout)
        except ChannelNotFoundEntity:
            return None  # an exchange that is not there yet: the right to it was asked before that
        except (ChannelClosed, ValueError) as error:
            return self._refused(error, f"to bind queue {queue.name} to {key} on {exchange}")
        return None

    async def _consume(self, queue: Queue) -> BusRefused | None:
        async def nothing(_: DeliveredMessage) -> None:
            raise AssertionError("nothing is consumed")

        try:
            async with self._scratch() as channel:
                await channel.basic_consume(
                    queue.name,
                    nothing,
                    arguments={"x-priority": IMPOSSIBLE},
                    timeout=self._timeout,
                )
        except (ChannelPreconditionFailed, ChannelNotFoundEntity):
            return None
        except (ChannelClosed, ValueError) as error:
            return self._refused(error, f"to consume queue {queue.name}")
        return None

    def _refused(self, error: Exception, what: str) -> BusRefused:
        found = reasons.refusal(error, self._url, what)
        if found is None:
            raise error
        return found
