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
_SAID = re.compile(
    r"(?P<name>[\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|authorization)[\w-]*)"
    r"(?P<between>[\"']?\s*[:=]\s*(?:Bearer |Basic )?)(?P<quote>[\"']?)[^\s\"',;&}]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}")
_KNOWN = re.compile(r"\b(?:xox[a-z]-|xapp-|gh[pousr]_|glpat-|AKIA)[A-Za-z0-9-]{8,}")
_DEEPEST = 20


def masked_text(text: str) -> str:
    """Return `text` without the values that are named as secrets, or that look like well-known
    ones."""
    text = _IN_URL.sub(rf"\1:{MASK}", text)
    text = _SAID.sub(rf"\g<name>\g<between>\g<quote>{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    return _KNOWN.sub(MASK, text)


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
