"""Frames of RabbitMQ, in the pieces in which a socket hands them out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError, ProtocolSyntaxError
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from baton.bus.amqp.receiving import Delivered, FrameReader


def delivery(channel: int, tag: int, *pieces: bytes, redelivered: bool = False) -> list[bytes]:
    """The frames of a message whose body comes in pieces."""
    properties = Basic.Properties(
        content_type="text/plain",
        content_encoding="utf-8",
        headers={"a": "b"},
        delivery_mode=2,
        message_id=f"m{tag}",
        user_id="ann",
    )
    header = ContentHeader(0, sum(map(len, pieces)), properties)
    deliver = Basic.Deliver("ctag1", tag, redelivered, "baton.in", "work.é")
    bodies = [marshal(ContentBody(piece), channel) for piece in pieces]
    return [marshal(deliver, channel), marshal(header, channel), *bodies]


def reader(data: bytes, size: int = 1 << 20) -> FrameReader:
    """Reads `data`, of which the socket hands out so many bytes at a time; then the end."""

    class Stream(asyncio.StreamReader):
        async def read(self, n: int = -1) -> bytes:
            return await super().read(min(n, size))

    stream = Stream()
    stream.feed_data(data)
    stream.feed_eof()
    return FrameReader(stream)


async def read_all(frames: FrameReader) -> list[tuple[int, Any]]:
    return [(channel, frame) async for _, channel, frame in frames]


def said(found: Sequence[tuple[int, Any]]) -> list[Any]:
    return [
        (channel, frame.delivery_tag, frame.redelivered, frame.body)
        if isinstance(frame, Delivered)
        else (channel, frame.name)
        for channel, frame in found
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 8, 40, 1 << 20])
async def test_a_delivery_is_one_frame_however_its_bytes_come(size: int) -> None:
    """Also when frames of other channels are between its own, when its body comes in pieces, and
    when it has none."""
    one = delivery(1, 7, b"a\xce" * 50, b"bc", redelivered=True)
    two = delivery(2, 3, b"x")
    between = [marshal(Basic.QosOk(), 3), marshal(Heartbeat(), 0)]
    mixed = [one[0], two[0], one[1], *between, one[2], *two[1:], one[3], *delivery(1, 8)]
    found = await read_all(reader(b"".join(mixed), size))
    assert said(found) == [
        (3, "Basic.QosOk"),
        (0, "Heartbeat"),
        (2, 3, False, b"x"),
        (1, 7, True, b"a\xce" * 50 + b"bc"),
        (1, 8, False, b""),
    ]
    frame = found[3][1]
    assert (frame.consumer_tag, frame.exchange, frame.routing_key) == (
        "ctag1",
        "baton.in",
        "work.é",
    )
    properties = frame.header.properties
    assert properties == Basic.Properties(
        content_type="text/plain",
        content_encoding="utf-8",
        headers={"a": "b"},
        delivery_mode=2,
        message_id="m7",
        user_id="ann",
    )


async def test_a_message_that_is_asked_for_comes_as_pamqp_reads_it() -> None:
    """Basic.Get is answered by three frames, and so are returned messages."""
    header, body = delivery(1, 1, b"x")[1:]
    got = marshal(Basic.GetOk(5, False, "", "key", 0), 1)
    assert [frame.name for _, frame in await read_all(reader(b"".join([got, header, body])))] == [
        "Basic.GetOk",
        "ContentHeader",
        "ContentBody",
    ]


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (b"\x01\x00\x01\x00\x00\x00\x04\x00\x3c\x00\x3c\x00", InvalidFrameError),
        (delivery(1, 2, b"x")[0][:-1] + b"\x00", InvalidFrameError),
        (delivery(1, 2, b"x")[0] + marshal(Basic.QosOk(), 1), InvalidFrameError),
        (delivery(1, 2, b"x")[0] + delivery(1, 2, b"x")[2], InvalidFrameError),
        (b"\x07\x00\x01\x00\x00\x00\x01\x00\xce", InvalidFrameError),
        (delivery(1, 2, b"x")[1][:-9], AMQPConnectionError),
    ],
)
async def test_what_is_no_frame_ends_the_connection_after_what_came_before(
    broken: bytes, error: type[Exception]
) -> None:
    frames = reader(b"".join(delivery(1, 1, b"x")) + broken)
    assert said([(await frames.get_frame())[1:]]) == [(1, 1, False, b"x")]
    with pytest.raises(error):
        await frames.get_frame()


async def test_a_server_of_another_version_is_told_from_a_broken_one() -> None:
    """It answers with the version that it speaks, and closes."""
    with pytest.raises(ProtocolSyntaxError):
        await reader(b"AMQP\x00\x01\x00\x00").get_frame()
