"""The header of a message that carries its signatures: `FINGERPRINT=BASE64`, one or two. Pure.

Two keys may sign while one replaces the other. The fingerprint is a hint and proves nothing: it
says which key to try first, and which one to name to people.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SIGNATURE = "baton-signature"
"""The name of the header."""
MOST = 4
"""Signatures of one message that are looked at."""
SIZE = 64

_HINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the fingerprint of the key that is said to have made it."""

    hint: str
    raw: bytes


def write(signatures: Iterable[Signature]) -> str:
    """Return the header that holds `signatures`."""
    return " ".join(f"{one.hint}={base64.b64encode(one.raw).decode()}" for one in signatures)


def read(text: str) -> Sequence[Signature]:
    """Return the signatures in the header `text`; none if they cannot be read."""
    words = text[:2_000].split(" ")
    if len(words) > MOST:
        return ()
    found = [_signature(word) for word in words]
    return [one for one in found if one is not None] if all(found) else ()


def _signature(word: str) -> Signature | None:
    hint, _, encoded = word.partition("=")
    if not _HINT.fullmatch(hint):
        return None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Signature(hint, raw) if len(raw) == SIZE else None
