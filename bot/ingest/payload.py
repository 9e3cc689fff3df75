"""Reads JSON that others wrote, as far as it can be understood. Pure.

An error in one place costs that place only: a byte that is no UTF-8, half a surrogate pair that
JavaScript cut off, a line end within a string, a byte order mark.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from alerts.labels import json_text
from baton.text.printable import printable
from bot.ingest.errors import BadInput

T = TypeVar("T")

MAX_BODY = 1_000_000
"""Bytes of a body, at most."""
MAX_TIME = 4_102_444_800.0
"""Seconds of Unix time, the year 2100: what is later means never, and every zone can show it."""
_MOMENT = TypeAdapter(datetime)
_FIRING = re.compile(
    r"firing|alerting|active|down|fail|failed|failure|error|problem|no_data|nodata|triggered|open"
    r"|suppressed|unprocessed"
)
_RESOLVED = re.compile(r"resolved|ok|up|normal|inactive|closed|recovered|recovery|success")


@dataclass(slots=True)
class Batch(Generic[T]):
    """What came in one message: what of it is accepted, and why each other thing is rejected."""

    accepted: list[T] = field(default_factory=list)
    rejected: list[BadInput] = field(default_factory=list)


def parse_json(body: bytes) -> Any:
    """Return the JSON in `body`, in whichever of the Unicode encodings. Raises BadInput."""
    try:
        decoded = body.decode(json.detect_encoding(body), "replace")
        return json.loads(decoded, strict=False, parse_int=_whole)
    except RecursionError:
        raise BadInput("body", "invalid JSON: it is nested too deeply (recursion)") from None
    except ValueError as error:
        raise BadInput("body", f"invalid JSON: {printable(str(error)[:200])}") from None


def _whole(digits: str) -> int | str:
    # Python refuses to read very long ones, and with them the whole body
    return int(digits) if len(digits) < 100 else digits


def decompress(body: bytes, encoding: str) -> bytes:
    """Return `body` as it was before it was compressed. Raises BadInput."""
    for one in reversed([part.strip().lower() for part in encoding.split(",")]):
        if one in ("", "identity"):
            continue
        if one not in ("gzip", "x-gzip", "deflate", "zlib", "application/x-gzip"):
            raise BadInput("content-encoding", "must be gzip or deflate, or left out")
        body = _inflated(body)
    return body


def _inflated(body: bytes) -> bytes:
    # 32: whichever of the two heads it has; there are senders of deflate without any
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        stream = zlib.decompressobj(bits)
        try:
            found = stream.decompress(body, MAX_BODY + 1)
        except zlib.error:
            continue
        if len(found) > MAX_BODY:
            raise BadInput("body", f"may have {MAX_BODY} bytes at most, uncompressed")
        return found
    raise BadInput("body", "it is not compressed as its content-encoding says")


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is an object, or else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_text(value: object, most: int) -> str:
    """Return `value` as printable text of at most `most` characters; lines stay."""
    return printable(json_text(value)[:most], lines=True).strip()


def parse_time(value: object) -> float | None:
    """Return a time that others wrote, in Unix seconds; None if there is none, or it cannot be
    read. Go's zero time, in the year 1, stands for none, and so does what is past MAX_TIME; without
    a zone it is UTC."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        found = _MOMENT.validate_python(value)
    except ValidationError:
        return None
    if found.year <= 1:
        return None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return max(at, 0.0) if at < MAX_TIME else None


def is_firing(status: object) -> bool | None:
    """Return whether the word `status` says that something is wrong; None if it says neither."""
    word = json_text(status).strip().lower()
    return True if _FIRING.fullmatch(word) else False if _RESOLVED.fullmatch(word) else None
