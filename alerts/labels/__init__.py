"""Labels say what an alert is about. Its identity is its labels, never the text of a message.

Source: Prometheus' fingerprint of a label set (sorted, names and values ended by 0xff), with
BLAKE2b.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from pydantic_core import CoreSchema, core_schema

from baton.text.printable import printable

ALERTNAME, ENV, HOST, APP, SEVERITY = "alertname", "env", "host", "app", "severity"
SILENT = "silent"
"""The name of the alert about a server whose heartbeats are missing."""
SCHEDULE = "schedule"
"""The name of the alert about a schedule, and the label that holds the schedule's title."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MAX_VALUE = 256
"""Characters of a value. It is limited, because matchers run over it."""
MAX_LABELS = 64
"""The number of labels of others that are kept; of more there is one digest."""
_LONGEST_NAME = 64
_OTHER = re.compile(r"[^A-Za-z0-9_]")
_FIRST = (ALERTNAME, ENV, HOST, APP, SEVERITY)


@dataclass(frozen=True, slots=True)
class Labels:
    """Names and values, sorted by name. A label that is missing has the empty value, as in
    Prometheus. Make them with `Labels.of`."""

    pairs: tuple[tuple[str, str], ...] = ()
    fingerprint: str = field(init=False, compare=False, repr=False)
    """16 hexadecimal digits: equal labels have equal ones, everywhere and for ever."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint(self.pairs))

    @classmethod
    def of(cls, labels: Mapping[str, str] | Iterable[tuple[str, str]] = (), **more: str) -> Labels:
        """Return the labels in `labels` and `more`.

        Raises ValueError that says what the name or the value of a label must be.
        """
        given = {**dict(labels), **more}
        for name, value in given.items():
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"names of labels made of letters, digits and _, at most 64 (not {name!r})"
                )
            if len(value) > MAX_VALUE:
                raise ValueError(f"values of labels of at most {MAX_VALUE} characters ({name})")
        return cls(
            tuple(
                (sys.intern(name), sys.intern(given[name])) for name in sorted(given) if given[name]
            )
        )

    def get(self, name: str) -> str:
        """Return the value of the label `name`; empty if it is missing."""
        for known, value in self.pairs:
            if known == name:
                return value
        return ""

    def only(self, names: Iterable[str]) -> Labels:
        """Return these labels without all but `names`."""
        wanted = set(names)
        return Labels(tuple(pair for pair in self.pairs if pair[0] in wanted))

    def title(self, called: str = "") -> str:
        """Return how a post calls them: `silent web-1 in prod`; `called` replaces the name of the
        alert."""
        known = dict(self.pairs)
        name, env = known.pop(ALERTNAME, ""), known.pop(ENV, "")
        known.pop(SEVERITY, "")
        host, app = known.pop(HOST, ""), known.pop(APP, "")
        subject = f"{app} on {host}" if app and host else app or host
        if name == SCHEDULE and SCHEDULE in known:
            subject = f"“{known.pop(SCHEDULE)}”"
        parts = [called or name, subject, *(f"{key}={value}" for key, value in known.items())]
        words = " ".join(filter(None, [*parts, env and f"in {env}"])) or "everything"
        return printable(words)

    def __str__(self) -> str:
        return " ".join(f'{name}="{value}"' for name, value in self.pairs)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, Labels) else cls.of(value),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda labels: [list(pair) for pair in labels.pairs]
            ),
        )


def fingerprint(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the digest of `pairs`: 0xff, which no UTF-8 text contains, ends each name and each
    value."""
    digest = blake2b(digest_size=8)
    for name, value in pairs:
        digest.update(name.encode() + b"\xff" + value.encode(errors="surrogatepass") + b"\xff")
    return digest.hexdigest()


def sanitize(labels: Mapping[str, object]) -> dict[str, str]:
    """Return `labels` of others as `Labels.of` takes them, without those that are empty.

    A character that is not valid in a name becomes `_` (`service.name` is `service_name`), as in
    Prometheus. Numbers and booleans are written as in JSON, null is empty. A value that is too long
    is cut and ends in a digest of the whole, and so does a name that another label has already:
    labels that differed still differ.
    """
    if len(labels) > MAX_LABELS:
        first = {name: labels[name] for name in _FIRST if name in labels}
        others = [item for item in labels.items() if item[0] not in first]
        kept = MAX_LABELS - 1 - len(first)
        left = others[kept:]
        count = {"labels_left_out": f"{len(left)}~{_digest(repr(left))}"}
        labels = {**first, **dict(others[:kept]), **count}
    values = {name: text for name, value in labels.items() if (text := _value(value))}
    wanted = Counter(_name(name) for name in values)
    found = {}
    for name, text in values.items():
        new = _name(name)
        if new != name and wanted[new] > 1:
            new = f"{new[: _LONGEST_NAME - 9]}_{_digest(name)}"
        found[new] = text
    return found


def sanitize_name(name: str) -> str:
    """Return `name`, as others write it, as a name of our labels."""
    return name if NAME.fullmatch(name) else _name(name)


def _name(name: str) -> str:
    new = _OTHER.sub("_", name[: _LONGEST_NAME + 1]) or "_"
    if new[0].isdigit():
        new = f"_{new}"
    if len(new) <= _LONGEST_NAME:
        return new
    return f"{new[: _LONGEST_NAME - 9]}_{_digest(name)}"


def _value(value: object) -> str:
    text = json_text(value)
    if len(text) <= MAX_VALUE:
        return printable(text)
    return f"{printable(text[:MAX_VALUE])[: MAX_VALUE - 9]}~{_digest(text)}"


def json_text(value: object) -> str:
    """Return a value of JSON as text: numbers and booleans as they are there, null as the empty
    text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=4).hexdigest()
