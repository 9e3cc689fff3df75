"""What strangers write into the properties of a message must not cost us the connection.

pamqp reads a frame whole or not at all, and a frame that it cannot read ends the connection.
RabbitMQ passes any property on: one message with a date after the year 9999, a routing key that is
no UTF-8 or a table nested a thousand deep made everybody who consumes its queue deaf, and came
again after each reconnect. So the readers that can fail are replaced here: what they cannot read
is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pamqp import decode

MAX_TABLE = 16_384
"""Bytes of a table that are read; reading it takes time that grows with their square."""


def install() -> None:
    """Have pamqp read so from now on, in this process. A second time changes nothing."""
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
