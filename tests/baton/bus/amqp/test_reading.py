"""What strangers write into a message."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import Any

import aiormq
import pytest
from pamqp import encode
from pamqp.commands import Basic

from baton.bus.api import dead_letter
from baton.bus.channel import Delivery, Link
from baton.bus.exchanges import DEAD_QUEUE, INPUT
from tests.baton.bus.amqp.inbox import INBOX, Opener, send
from tests.support.queues import first_of
from tests.support.wait import until

ODD = {
    "a date after the year 9999": ("timestamp", (2**63 - 1).to_bytes(8)),
    "a date in milliseconds": ("timestamp", (1_764_000_000_000).to_bytes(8)),
    "a header's name is no UTF-8": ("table", b"\x02\xff\xfeS\x00\x00\x00\x01a"),
    "a header's date": ("table", b"\x01kT" + b"\x7f" + b"\xff" * 7),
    "headers nested deep": (
        "table",
        reduce(lambda inner, _: b"\x01aF" + len(inner).to_bytes(4) + inner, range(3_000), b""),
    ),
    "many headers": ("table", b"\x01kt\x01" * 20_000),
    "an id that is no UTF-8": ("shortstr", b"\xff" * 255),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_strangers_write_into_properties_costs_no_connection(
    amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It is left out; the message comes, can be buried, and what follows comes too."""
    kind, raw = ODD[case]
    channel = await open_channel()
    links: list[Link] = []
    channel.on_link(links.append)
    got: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery)
        await dead_letter(channel, delivery, "odd")

    await channel.declare(INBOX, [(INPUT, "host.h1")])
    await channel.consume(INBOX, handler)
    stranger = await aiormq.connect(amqp_url)
    line = await stranger.channel()
    properties = Basic.Properties(
        message_id="m", timestamp=datetime.now(UTC), headers={"a": "b"}, content_type="x"
    )
    with monkeypatch.context() as changed:
        size = len(raw).to_bytes(4 if kind == "table" else 1)
        written = raw if kind == "timestamp" else size + raw
        marshal = Basic.Properties.encode_property

        def encoded(self: Basic.Properties, name: str, value: Any) -> bytes:
            odd = kind != "shortstr" or name == "message_id"
            return written if self.amqp_type(name) == kind and odd else marshal(self, name, value)

        changed.setattr(Basic.Properties, "encode_property", encoded)
        await line.basic_publish(b"x", exchange=INPUT, routing_key="host.h1", properties=properties)
    await send(channel, "after")
    await until(lambda: len(got) == 2)
    assert got[0].envelope.body == b"x"
    await until(lambda: first_of(channel, DEAD_QUEUE))
    assert links == []
    await stranger.close()


async def test_a_key_that_is_no_utf_8_costs_no_connection(
    amqp_url: str, open_channel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A routing key may be any bytes."""
    channel = await open_channel()
    got: list[str] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery.key)
        await dead_letter(channel, delivery, "odd")

    await channel.declare(INBOX, [(INPUT, "odd.#")])
    await channel.consume(INBOX, handler)
    stranger = await aiormq.connect(amqp_url)
    line = await stranger.channel()
    with monkeypatch.context() as changed:
        raw = b"odd." + b"\xff" * 200
        plain = encode.METHODS["shortstr"]
        written = lambda value: bytes([len(raw)]) + raw if value == "odd" else plain(value)  # noqa: E731
        changed.setitem(encode.METHODS, "shortstr", written)
        await line.basic_publish(b"x", exchange=INPUT, routing_key="odd")
    await until(lambda: got)
    assert got == ["odd." + "\ufffd" * 200]
    await until(lambda: first_of(channel, DEAD_QUEUE))
    assert channel.link is Link.UP
    await stranger.close()
