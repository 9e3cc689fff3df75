"""Frames are read many at a time, and what is delivered comes whole and at once.

aiormq waits four times for each frame, makes three frames of a message, and starts a task for it.
A worker spent more time on that than on its jobs. So its reader of frames is replaced here: it
takes what the socket has, and makes one frame of a delivery, its header and its body. All other
frames are read as pamqp reads them.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import aiormq.connection
import pamqp.frame
import structlog
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError, ProtocolSyntaxError
from pamqp import constants, decode
from pamqp.commands import Basic
from pamqp.exceptions import PAMQPException
from pamqp.header import ContentHeader

log = structlog.get_logger(__name__)

CHUNK = 65_536
"""Bytes that are taken from the socket at once, at most."""

_HEAD, _SIZES, _TAG = struct.Struct(">BHI"), struct.Struct(">HHQH"), struct.Struct(">QB")
_DELIVER = Basic.Deliver.index.to_bytes(4)
_PROPERTIES = [
    (Basic.Properties.flags[name], name, Basic.Properties.amqp_type(name), value)
    for name, value in Basic.Properties()
]


class Delivered(Basic.Deliver):
    """A delivery with its header and its body."""

    header: ContentHeader
    body: bytes = b""

    def __init__(self, payload: bytes) -> None:
        # the checks of its base are for what is sent
        at, self.consumer_tag = _short(payload, 4)
        self.delivery_tag, redelivered = _TAG.unpack_from(payload, at)
        self.redelivered = bool(redelivered & 1)
        at, self.exchange = _short(payload, at + 9)
        _, self.routing_key = _short(payload, at)


class FrameReader:
    """Reads frames from `reader`, in the place of aiormq's FrameReceiver."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._data = b""
        self._at = 0
        self._started = False
        self._deliveries: dict[int, Delivered] = {}
        """The deliveries that are not whole yet, by their AMQP channels."""

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> tuple[int, int, Any]:
        return await self.get_frame()

    async def get_frame(self) -> tuple[int, int, Any]:
        """Return the next frame: its size, its channel, and what it says.

        Raises StopAsyncIteration at the end, AMQPConnectionError if that is none, and
        InvalidFrameError.
        """
        while True:
            try:
                found = self._next()
            except (PAMQPException, struct.error, ValueError, IndexError) as error:
                raise InvalidFrameError(str(error)) from error
            if found is not None:
                return found

            await self._fill()

    async def _fill(self) -> None:
        """Wait for more bytes."""
        if self._reader.at_eof() and self._at == len(self._data):
            raise StopAsyncIteration
        try:
            more = await self._reader.read(CHUNK)
        except OSError as error:
            raise AMQPConnectionError(f"Server connection error: {error!r}") from error
        if not more:
            left = len(self._data) - self._at
            raise AMQPConnectionError(
                f"Server connection unexpectedly closed, {left} bytes into a frame"
            )
        self._data, self._at = self._data[self._at :] + more, 0
        if not self._started and self._data.startswith(constants.AMQP):
            raise ProtocolSyntaxError("Unexpected AMQP protocol header")
        self._started = True

    def _next(self) -> tuple[int, int, Any] | None:
        """Return the next frame that is whole; None if there is none."""
        data = self._data
        while len(data) - self._at >= constants.FRAME_HEADER_SIZE:
            at = self._at
            kind, channel, size = _HEAD.unpack_from(data, at)
            end = at + constants.FRAME_HEADER_SIZE + size
            if end >= len(data):
                return None
            self._at = end + 1
            frame = data[at : end + 1]
            payload = frame[constants.FRAME_HEADER_SIZE : -1]
            if frame[-1] != constants.FRAME_END:
                raise ValueError("a frame does not end where it should")
            delivery = self._deliveries.get(channel)
            if kind == constants.FRAME_METHOD and payload.startswith(_DELIVER):
                self._deliveries[channel] = Delivered(payload)
                continue
            if delivery is None:
                return pamqp.frame.unmarshal(frame)
            if kind == constants.FRAME_HEADER:
                delivery.header = _header(payload)
            elif kind == constants.FRAME_BODY and hasattr(delivery, "header"):
                delivery.body += payload
            else:
                raise ValueError("a delivery is not followed by its header and its body")
            if len(delivery.body) >= delivery.header.body_size:
                return size, channel, self._deliveries.pop(channel)
        return None


def install() -> None:
    """Read the frames of all connections of this process so. Idempotent.

    A consumer is called by the reader of its AMQP channel, so it must not wait for an answer there.
    """
    aiormq.connection.FrameReceiver = FrameReader  # type: ignore[assignment,misc]
    aiormq.Channel._on_deliver_frame = _deliver  # type: ignore[assignment,method-assign]


async def _deliver(channel: aiormq.Channel, frame: Delivered) -> None:
    consumer = channel.consumers.get(frame.consumer_tag or "")
    if consumer is None:
        return
    try:
        await consumer(DeliveredMessage(frame, frame.header, frame.body, channel))
    except Exception:
        log.exception("a message could not be passed on", key=frame.routing_key)


def _short(payload: bytes, at: int) -> tuple[int, str]:
    end = at + 1 + payload[at]
    return end, payload[at + 1 : end].decode("utf-8", "replace")


def _header(payload: bytes) -> ContentHeader:
    """Return the header of a message, with its properties."""
    class_id, weight, size, flags = _SIZES.unpack_from(payload)
    properties = Basic.Properties.__new__(Basic.Properties)
    left = payload[_SIZES.size :]
    if flags & 1:
        raise ValueError("a message has properties that AMQP 0-9-1 does not know")
    for flag, name, kind, value in _PROPERTIES:
        if flags & flag:
            used, value = decode.METHODS[kind](left)
            left = left[used:]
        setattr(properties, name, value)
    header = ContentHeader(weight, size, properties)
    header.class_id = class_id
    return header
