"""JSON of others, read as far as it can be understood. Pure.

What is odd in one place hurts that place only: a byte that is no UTF-8, half a surrogate pair that
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

from alerts.labels import written
from baton.text.printable import printable
from bot.ingest.errors import BadInput

T = TypeVar("T")

LARGEST = 1_000_000
"""Bytes of a body, at most."""
LATEST = 4_102_444_800.0
"""Seconds of Unix time, the year 2100: what is later means never, and every zone can show it."""
_MOMENT = TypeAdapter(datetime)
_FIRING = re.compile(
    r"firing|alerting|active|down|fail|failed|failure|error|problem|no_data|nodata|triggered|open"
    r"|suppressed|unprocessed"
)
_RESOLVED = re.compile(r"resolved|ok|up|normal|inactive|closed|recovered|recovery|success")


@dataclass(slots=True)
class Batch(Generic[T]):
    """What came together: what of it is `taken`, and why each other thing is `refused`."""

    taken: list[T] = field(default_factory=list)
    refused: list[BadInput] = field(default_factory=list)


def parsed(body: bytes) -> Any:
    """The JSON in `body`, in whichever of the Unicode encodings. Raises BadInput."""
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


def inflated(body: bytes, encoding: str) -> bytes:
    """`body` as it was before it was compressed. Raises BadInput."""
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
            found = stream.decompress(body, LARGEST + 1)
        except zlib.error:
            continue
        if len(found) > LARGEST:
            raise BadInput("body", f"may have {LARGEST} bytes at most, uncompressed")
        return found
    raise BadInput("body", "it is not compressed as its content-encoding says")


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object; an empty one instead of anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: object, most: int) -> str:
    """`value` as text of at most `most` characters that can be shown and kept, lines and all."""
    return printable(written(value)[:most], lines=True).strip()


def moment(value: object) -> float | None:
    """A time of others in Unix seconds; None if there is none, or none that can be read. Go's zero
    time, in the year 1, stands for none, and so does what is past LATEST; without a zone it is
    UTC."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        found = _MOMENT.validate_python(value)
    except ValidationError:
        return None
    if found.year <= 1:
        return None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return max(at, 0.0) if at < LATEST else None


def fires(status: object) -> bool | None:
    """Whether the word `status` says that something is wrong; None if it says neither."""
    word = written(status).strip().lower()
    return True if _FIRING.fullmatch(word) else False if _RESOLVED.fullmatch(word) else None
