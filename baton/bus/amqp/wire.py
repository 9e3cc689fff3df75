"""Baton's values as AMQP properties and arguments, and back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from yarl import URL

from baton.bus.channel import Envelope
from baton.bus.exchanges import CLAIM_LASTS, Queue

HEARTBEAT = 10
"""Seconds between heartbeats. A dead peer is noticed after three of them plus three seconds."""

PERSISTENT = 2


def to_properties(envelope: Envelope, user: str = "") -> Basic.Properties:
    """Return the AMQP properties that mirror an envelope; `user` is the account of the
    connection."""
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
    """Return the envelope that was delivered, with the headers that are text. The property
    `content-encoding` becomes a header, since no message of ours has it."""
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
    """Return `text` cut to the 255 bytes that a property may have; None if it is empty."""
    return text.encode(errors="replace")[:255].decode(errors="ignore") or None


def _seconds(expiration: str | None) -> float | None:
    milliseconds = (expiration or "")[:16]
    return int(milliseconds) / 1000 if milliseconds.isascii() and milliseconds.isdigit() else None


def queue_arguments(queue: Queue) -> dict[str, Any]:
    """Return the arguments by which `queue` is declared: a quorum queue, unless it is foreign.
    Times are in ms."""
    if queue.foreign:
        return {}
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        # the broker counts how often a message was requeued, and dead-letters it at the next time
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


def claim_queue(name: str) -> str:
    """Return the queue that stands for the claim `name`."""
    return f"claim.{name}"


def claim_arguments(holder: str) -> dict[str, Any]:
    """Return the arguments by which `holder` declares the queue of a claim. Nobody else's are the
    same, so that RabbitMQ refuses it to everybody else once it exists."""
    number = int.from_bytes(blake2b(holder.encode(), digest_size=6).digest())
    return {
        "x-queue-type": "classic",
        "x-max-length": number,
        "x-expires": int(CLAIM_LASTS * 1000),
    }


def account_of(url: str) -> str:
    """Return the account of `url`; empty if the broker decides it, as by a certificate."""
    found = URL(url)
    return (found.user or "") if found.query.get("auth", "plain").lower() == "plain" else ""


def with_heartbeat(url: str) -> URL:
    """Return `url` with our heartbeat, unless it has its own."""
    found = URL(url)
    return found if "heartbeat" in found.query else found.update_query(heartbeat=HEARTBEAT)
