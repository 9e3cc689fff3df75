"""Message properties that others wrote must not cost us the connection.

pamqp reads a frame whole or not at all, and a frame that it cannot read ends the connection.
RabbitMQ passes on any property: one message with a date after the year 9999, a routing key that is
not UTF-8 or a table nested a thousand levels deep disconnected every consumer of its queue, and
returned after each reconnect. So the decoders that can fail are replaced here: they leave out what
they cannot read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pamqp import decode

MAX_TABLE = 16_384
"""Bytes of a table that is read, at most: the time to read it grows with their square."""


def install() -> None:
    """Replace the decoders of pamqp in this process. Idempotent."""
    decode.METHODS["shortstr"] = _short
    decode.METHODS["timestamp"] = _timestamp
    decode.METHODS["table"] = _table
    decode.TABLE_MAPPING[b"T"] = _timestamp


def _short(value: bytes) -> tuple[int, str]:
    end = value[0] + 1 if value else 1
    return end, value[1:end].decode("utf-8", "replace")


def _timestamp(value: bytes) -> tuple[int, datetime | None]:
    try:
        return 8, datetime.fromtimestamp(int.from_bytes(value[:8]), UTC)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    end = 4 + int.from_bytes(value[:4])
    if end - 4 > MAX_TABLE:
        return end, {}
    try:
        return end, decode.field_table(value[:end])[1]
    except (ValueError, ArithmeticError, LookupError, OSError, RecursionError):
        return end, {}
