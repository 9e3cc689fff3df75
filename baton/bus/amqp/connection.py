"""Connections to RabbitMQ and their channels are aio-pika's, without its robust mode.

One piece does not go through aio-pika: opening a channel that lives shorter than its connection.
RabbitMQ caches permissions for as long as a channel is open, so the check that a permission still
exists needs a new channel each time, every 15 s; and each channel that aio-pika opens leaves 3 to
4 KB on its connection until that ends (measured with 10.2.1 and aiormq 7.2.4: its callback for the
end of the connection is never removed). So aiormq, on which aio-pika stands, opens a
`ShortLivedChannel`; all else of it is aio-pika's.
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

from baton.bus.amqp import reading, reasons, receiving, wire
from baton.bus.amqp.write_coalescing import CoalescingTransport
from baton.version import baton_version

log = structlog.get_logger(__name__)

reading.install()
receiving.install()

ANSWER_TIMEOUT = 10.0
"""Seconds that the broker may take to answer anything."""
CANCEL_INTERVAL = 1.0
"""Seconds between two cancellations of what does not end."""

INFORMATION = "Baton: run your servers from chat"
"""What the broker shows beside the product's name."""


class AmqpConnection(aio_pika.Connection):
    """A connection to RabbitMQ, opened by `connect_to`."""

    underlay: aiormq.abc.AbstractConnection
    """The aiormq connection below it."""

    def __init__(self, url: URL, **options: Any) -> None:
        super().__init__(url, **options)
        # aio-pika passes these options on to aiormq, but has no argument for this one
        self.kwargs["transport_factory"] = CoalescingTransport()

    @classmethod
    async def connect_to(cls, url: str, name: str) -> AmqpConnection:
        """Connect to `url` under `name`. Raises BusRefused, and what the client library raises."""
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
        """The product and version of the broker."""
        said = self.underlay.server_properties
        return f"{_text(said.get('product'))} {_text(said.get('version'))}"

    async def open_channel(self, **options: Any) -> AbstractChannel:
        """Open a channel that lives as long as the connection; see `channel` for the options."""
        # aio-pika's own time-out does not cover all of it
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await self.channel(**options)

    @asynccontextmanager
    async def short_lived_channel(self) -> AsyncIterator[ShortLivedChannel]:
        """Open a channel for one question, whose answer may close it."""
        underlay = await self.underlay.channel(publisher_confirms=False, timeout=ANSWER_TIMEOUT)
        try:
            yield ShortLivedChannel(self, underlay)
        finally:
            if not underlay.is_closed:
                await quietly(underlay.close)


class ShortLivedChannel(aio_pika.Channel):
    """A channel of aio-pika that was opened by aiormq."""

    def __init__(self, connection: AmqpConnection, underlay: aiormq.abc.AbstractChannel) -> None:
        super().__init__(connection, publisher_confirms=False)
        self._underlay = underlay

    @override
    async def get_underlay_channel(self) -> aiormq.abc.AbstractChannel:
        return self._underlay


async def underlay_of(channel: AbstractChannel) -> aiormq.Channel:
    """Return the aiormq channel below one of aio-pika's. It acknowledges and publishes without
    waiting for each frame."""
    found = await channel.get_underlay_channel()
    assert isinstance(found, aiormq.Channel)
    return found


async def quietly(work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` on something that may be broken already, in bounded time. Errors are logged.

    Whoever cancels this waits for it a moment longer: what went on alone would be cancelled once
    when the event loop ends, and aio-pika waits once more after that, for ever.
    """
    task, cancelled, within = asyncio.ensure_future(work()), False, ANSWER_TIMEOUT / 2
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=within)
        except asyncio.CancelledError:
            cancelled = True
        else:
            task.cancel()  # of no effect on what is done
        within = CANCEL_INTERVAL
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("error while closing the connection", error=repr(error))
    if cancelled:
        raise asyncio.CancelledError


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "unknown")
