"""Baton's values as AMQP has them, and back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from yarl import URL

from baton.bus.channel import Envelope
from baton.bus.exchanges import Queue

HEARTBEAT = 10
"""Seconds. A peer that is gone is noticed after three of them, and one second each."""

PERSISTENT = 2


def to_properties(envelope: Envelope, user: str = "") -> Basic.Properties:
    """The AMQP properties that mirror an envelope; `user` is the account by which we are
    connected."""
    headers: dict[str, Any] = dict(envelope.headers)
    stamp = envelope.timestamp
    return Basic.Properties(
        content_type=envelope.content_type or None,
        delivery_mode=PERSISTENT,
        message_id=_short(envelope.id),
        message_type=_short(envelope.type),
        correlation_id=_short(envelope.correlation),
        timestamp=None if stamp is None else datetime.fromtimestamp(int(stamp), UTC),
        headers=headers or None,
        user_id=user or None,
        expiration=None if envelope.expires is None else str(max(int(envelope.expires * 1000), 0)),
    )


def to_envelope(message: DeliveredMessage) -> Envelope:
    """What was delivered. Of the headers, those that are text; `content-encoding` is among them, as
    no message of ours has that property."""
    found = message.header.properties
    headers = {
        name: value for name, value in (found.headers or {}).items() if isinstance(value, str)
    }
    if found.content_encoding:
        headers["content-encoding"] = found.content_encoding
    return Envelope(
        body=message.body,
        id=found.message_id or "",
        type=found.message_type or "",
        correlation=found.correlation_id or "",
        timestamp=None if found.timestamp is None else found.timestamp.timestamp(),
        headers=headers,
        content_type=found.content_type or "",
        user=found.user_id or "",
        expires=_seconds(found.expiration),
    )


def _short(text: str) -> str | None:
    """`text` as a property holds it, which may have 255 bytes."""
    return text.encode(errors="replace")[:255].decode(errors="ignore") or None


def _seconds(expiration: str | None) -> float | None:
    milliseconds = (expiration or "")[:16]
    return int(milliseconds) / 1000 if milliseconds.isascii() and milliseconds.isdigit() else None


def queue_arguments(queue: Queue) -> dict[str, Any]:
    """How a quorum queue is declared so that it keeps what `queue` says. Times are in ms."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        # The broker counts the times a message came back, and buries it at the next.
        "x-delivery-limit": queue.delivery_limit - 1,
    }
    if queue.single_active:
        arguments["x-single-active-consumer"] = True
    if queue.expires is not None:
        arguments["x-expires"] = int(queue.expires * 1000)
    if queue.ttl is not None:
        arguments["x-message-ttl"] = int(queue.ttl * 1000)
    if queue.dead_letter:
        arguments["x-dead-letter-exchange"] = queue.dead_letter
    return arguments


def account_of(url: str) -> str:
    """The account that `url` logs in as; empty if the broker decides that, as by a certificate."""
    parts = urlsplit(url)
    mechanism = dict(parse_qsl(parts.query)).get("auth", "plain")
    return unquote(parts.username or "") if mechanism.lower() == "plain" else ""


def with_heartbeat(url: str) -> URL:
    """`url` with our heartbeat, unless it names its own."""
    found = URL(url)
    return found if "heartbeat" in found.query else found.update_query(heartbeat=HEARTBEAT)
