"""Labels: what an alert is about. Its identity is its labels, never the text of a message.

Source: Prometheus' fingerprint of a label set (sorted, names and values ended by 0xff), by BLAKE2b.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from pydantic_core import CoreSchema, core_schema

ALERTNAME, ENV, HOST, APP, SEVERITY = "alertname", "env", "host", "app", "severity"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
LONGEST = 256
"""Characters of a value; matchers run over it, so it is bounded."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Names and values, sorted by name. A label that is missing has the empty value, as in
    Prometheus; make them with `Labels.of`."""

    pairs: tuple[tuple[str, str], ...] = ()
    fingerprint: str = field(init=False, compare=False, repr=False)
    """16 hexadecimal digits: the same labels give the same ones, everywhere and for ever."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint(self.pairs))

    @classmethod
    def of(cls, labels: Mapping[str, str] | Iterable[tuple[str, str]] = (), **more: str) -> Labels:
        """The labels in `labels` and `more`.

        Raises ValueError that says what the name or the value of a label must be.
        """
        given = {**dict(labels), **more}
        for name, value in given.items():
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"names of labels made of letters, digits and _, at most 64 (not {name!r})"
                )
            if len(value) > LONGEST:
                raise ValueError(f"values of labels of at most {LONGEST} characters ({name})")
        return cls(
            tuple(
                (sys.intern(name), sys.intern(given[name])) for name in sorted(given) if given[name]
            )
        )

    def get(self, name: str) -> str:
        """The value of the label `name`; empty if it is missing."""
        for known, value in self.pairs:
            if known == name:
                return value
        return ""

    def only(self, names: Iterable[str]) -> Labels:
        """These labels without all but `names`."""
        wanted = set(names)
        return Labels(tuple(pair for pair in self.pairs if pair[0] in wanted))

    def title(self) -> str:
        """How they are called in a post: `silent web-1 in prod`."""
        known = dict(self.pairs)
        name, env = known.pop(ALERTNAME, ""), known.pop(ENV, "")
        known.pop(SEVERITY, "")
        host, app = known.pop(HOST, ""), known.pop(APP, "")
        subject = f"{app} on {host}" if app and host else app or host
        parts = [name, subject, *(f"{key}={value}" for key, value in known.items())]
        return " ".join(filter(None, [*parts, env and f"in {env}"])) or "everything"

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
    """The digest of `pairs`: 0xff, which no UTF-8 text holds, ends each name and each value."""
    digest = blake2b(digest_size=8)
    for name, value in pairs:
        digest.update(name.encode() + b"\xff" + value.encode(errors="surrogatepass") + b"\xff")
    return digest.hexdigest()
