"""A connection to RabbitMQ and its channels: aio-pika's, without its robust mode.

One piece of it is not used: how aio-pika opens a channel that does not last as long as the
connection. RabbitMQ remembers what an account may do for as long as a channel is open, so whoever
looks whether a right is still there needs a new one each time, every 15 s; and each that aio-pika
opens leaves 3 to 4 KB on its connection until that ends (10.2.1 with aiormq 7.2.4, measured: its
callback for the end of the connection is never taken off). So a `Question` is opened by aiormq, on
which aio-pika stands, and is a channel of aio-pika's in all else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiormq
import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError
from typing_extensions import override
from yarl import URL

from baton.bus.amqp import reading, reasons, wire
from baton.bus.amqp.write_coalescing import CoalescingTransport
from baton.version import baton_version

log = structlog.get_logger(__name__)

reading.install()

ANSWER_TIMEOUT = 10.0
"""How long the broker may take to answer anything, in seconds."""

INFORMATION = "Baton: run your servers from chat"
"""What the broker shows beside the name of our product."""


class AmqpConnection(aio_pika.Connection):
    """One connection, opened by `to`."""

    underlay: aiormq.abc.AbstractConnection
    """The client's own connection."""

    def __init__(self, url: URL, **options: Any) -> None:
        super().__init__(url, **options)
        # aio-pika passes these on to its client, but takes no such argument
        self.kwargs["transport_factory"] = CoalescingTransport()

    @classmethod
    async def connect_to(cls, url: str, name: str) -> AmqpConnection:
        """Connect to `url` as `name`. Raises BusRefused, and what the client raises."""
        connection = cls(
            wire.with_heartbeat(url),
            client_properties={
                "connection_name": name,
                "product": "Baton",
                "version": baton_version(),
                "information": INFORMATION,
            },
        )
        try:
            await connection.connect()
        except AMQPError as error:
            if (refused := reasons.login_refusal(error, url)) is None:
                raise
            raise refused from None
        finally:
            if connection.transport is None:
                await connection.close()
            else:
                connection.underlay = connection.transport.connection
        return connection

    @property
    def broker(self) -> str:
        """What the broker calls itself, and its version."""
        said = self.underlay.server_properties
        return f"{_text(said.get('product'))} {_text(said.get('version'))}"

    async def open_channel(self, **options: Any) -> AbstractChannel:
        """An AMQP channel that stays: see aio_pika.Connection.channel for its options."""
        # aio-pika's own time-out does not reach as far
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await self.channel(**options)

    @asynccontextmanager
    async def short_lived_channel(self) -> AsyncIterator[ShortLivedChannel]:
        """An AMQP channel for one question, whose answer may close it."""
        underlay = await self.underlay.channel(publisher_confirms=False, timeout=ANSWER_TIMEOUT)
        try:
            yield ShortLivedChannel(self, underlay)
        finally:
            if not underlay.is_closed:
                await quietly(underlay.close)


class ShortLivedChannel(aio_pika.Channel):
    """A channel that was opened below aio-pika."""

    def __init__(self, connection: AmqpConnection, underlay: aiormq.abc.AbstractChannel) -> None:
        super().__init__(connection, publisher_confirms=False)
        self._underlay = underlay

    @override
    async def get_underlay_channel(self) -> aiormq.abc.AbstractChannel:
        return self._underlay


async def underlay_of(channel: AbstractChannel) -> aiormq.Channel:
    """The channel below one of aio-pika's: it settles and publishes without waiting for each
    frame."""
    found = await channel.get_underlay_channel()
    assert isinstance(found, aiormq.Channel)
    return found


async def quietly(work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` on something that may be broken already; at most for a while."""
    task = asyncio.ensure_future(work())
    await asyncio.wait({task}, timeout=ANSWER_TIMEOUT / 2)
    while not task.done():
        task.cancel()  # aio-pika waits once more for the end that it did not bring about
        await asyncio.wait({task}, timeout=1.0)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("while closing", error=repr(error))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "unknown")
