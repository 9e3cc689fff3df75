"""Secrets in texts that people are shown are masked, as far as their names tell. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from baton.text.printable import printable

MASK = "***"

_SECRET = re.compile(
    r"pass(?:word|wd|phrase)?$|passw|secret|token|api[_-]?key|private[_-]?key|credential"
    r"|authorization|cookie|session[_-]?id",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)([^\s/:@\"']*):[^\s/@\"']+(?=@)")
_NAMED = re.compile(r"(?<![\w-])([\w-]+)[\"']?\s*[:=]\s*(?:Bearer |Basic )?[\"']?", re.IGNORECASE)
_SAID_SECRET = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|api[_-]?key|authorization", re.IGNORECASE
)
_VALUE = re.compile(r"[^\s\"',;&}]+")
_BEARER = re.compile(r"\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}")
_KNOWN = re.compile(r"\b(?:xox[a-z]-|xapp-|gh[pousr]_|glpat-|AKIA)[A-Za-z0-9-]{8,}")
_DEEPEST = 20


def masked_text(text: str) -> str:
    """Return `text` without the values that are named as secrets, or that look like well-known
    ones."""
    text = _said(_IN_URL.sub(rf"\1:{MASK}", text))
    text = _BEARER.sub(rf"\1 {MASK}", text)
    return _KNOWN.sub(MASK, text)


def _said(text: str) -> str:
    """Return `text` without the values of `NAME: VALUE` and `NAME=VALUE` whose name is a secret's.

    One pass: a value that is no secret may hold the next name.
    """
    parts: list[str] = []
    copied = at = 0
    while named := _NAMED.search(text, at):
        at = named.end()
        value = _VALUE.match(text, at) if _SAID_SECRET.search(named[1]) else None
        if value is not None:
            parts += (text[copied:at], MASK)
            copied = at = value.end()
    return "".join([*parts, text[copied:]])


def masked_body(body: bytes, most: int) -> str:
    """Return the body of a message as people may read it: JSON in lines, each secret masked, and
    `most` characters of it."""
    text = body.decode("utf-8", "replace")
    try:
        text = json.dumps(_masked(json.loads(text), 0), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = masked_text(text)
    text = printable(text, lines=True)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _masked(value: object, depth: int) -> object:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            name: MASK if _SECRET.search(str(name)) and inner else _masked(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner, depth + 1) for inner in value]
    return masked_text(value) if isinstance(value, str) else value
