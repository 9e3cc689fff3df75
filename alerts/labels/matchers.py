"""Matchers select alerts: `env=prod app!=shop host=~"web-.*"`, as in Alertmanager.

One parser for chat and for files. Matchers are separated by spaces or commas outside of quotes, and
may all stand in braces. Names and values may be quoted: in double quotes with the escapes of
Alertmanager's UTF-8 matchers, in single quotes without any. A whole matcher may be quoted too, as
people do for a shell. A regular expression must match the whole value (regex.py), and a missing
label has the empty value.

prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import CoreSchema, core_schema

from alerts.labels import SEVERITY, Labels, sanitize_name
from alerts.labels.regex import InvalidRegex, Regex
from baton.errors import UsageError
from baton.text.printable import printable

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SINGLE = r"'[^']*'"
_BARE = r"""(?:[^\s,"'`{}]|\{\d{1,4}(?:,\d{0,4})?\})*"""
"""What needs no quotes: a repetition, `{1,3}`, is a part of an expression."""
_NAME = r"[^\s,\"'`{}=!~]+"
_OPERATOR = r"=~|!~|!=|="
_MATCHER = re.compile(
    rf"(?P<name>{_QUOTED}|{_NAME})\s*(?P<op>{_OPERATOR})\s*"
    rf"(?:(?P<quoted>{_QUOTED})|(?P<single>{_SINGLE})|(?P<bare>(?![=~!]){_BARE}))(?=[\s,]|$)",
    re.DOTALL,
)
_WHOLE = re.compile(
    rf"(?P<mark>[\"'])(?P<name>{_NAME})\s*(?P<op>{_OPERATOR})(?P<value>(?:(?!(?P=mark)).)*)(?P=mark)"
    r"(?=[\s,]|$)",
    re.DOTALL,
)
_OF_OTHERS = re.compile(r"[^\W\d][\w./:-]{0,255}")
"""The name of a label as others may write it: `service.name` is our `service_name`."""
_BETWEEN = re.compile(r"[\s,]*")
_FIRST = re.compile(rf"(?:{_QUOTED}|{_SINGLE}|[^\s,])+", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[\\\"'`ntr])|x(?P<x>[0-7][0-9a-fA-F])|u(?P<u>[0-9a-fA-F]{4}))"
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
MAX_LENGTH = 8192
"""Characters of several matchers."""
MAX_MATCHERS, MAX_STEPS = 64, 1800
"""How many matchers, and steps of all their expressions: they are tried on every check."""
MAX_EXCERPT = 80
"""Characters of an invalid part that an error repeats."""
EXAMPLE = 'matchers such as env=prod app!=shop host=~"web-.*"'


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison. `op` is one of `= != =~ !~`. Raises UsageError if `value` should be a regular
    expression and is not valid."""

    name: str
    op: str
    value: str
    _pattern: Regex | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pattern = _compiled(self) if "~" in self.op else None
        object.__setattr__(self, "_pattern", pattern)

    @property
    def steps(self) -> int:
        """The cost of its expression in the worst case; 0 without one."""
        return self._pattern.steps if self._pattern else 0

    def matches(self, *values: str) -> bool:
        """Whether it matches a label that may be read as each of `values`, of which there is
        usually one."""
        known = any(map(self._holds, values))
        return known is not self.op.startswith("!")

    def _holds(self, value: str) -> bool:
        return value == self.value if self._pattern is None else self._pattern.matches(value)

    def __str__(self) -> str:
        if self.value and "~" not in self.op and re.fullmatch(r"[\w.:/@-]+", self.value):
            return f"{self.name}{self.op}{self.value}"
        return f"{self.name}{self.op}{quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Matchers:
    """Several matchers, all of which must match; an empty list matches every alert."""

    parts: tuple[Matcher, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Matchers:
        """Return the matchers in `text`. Raises UsageError that names the invalid part."""
        if len(text) > MAX_LENGTH:
            raise UsageError(
                f"Matchers may have at most {MAX_LENGTH} characters.", field="matchers"
            )
        rest = text.strip()
        if rest.startswith("{") and rest.endswith("}"):
            rest = rest[1:-1]
        parts = []
        at = _past_blanks(rest, 0)
        while at < len(rest):
            part, at = _read(rest, at)
            parts.append(part)
            at = _past_blanks(rest, at)
        if len(parts) > MAX_MATCHERS or sum(part.steps for part in parts) > MAX_STEPS:
            raise UsageError(
                "Too many matchers, or expressions that are too large: at most "
                f"{MAX_MATCHERS} matchers, and {MAX_STEPS} steps in all their expressions. "
                "Use fewer, or smaller ones.",
                field="matchers",
            )
        return cls(tuple(parts))

    def matches(self, labels: Labels, severity: str = "") -> bool:
        """Whether they match an alert with these labels. The severity that we show counts as a
        label, beside the one that its sender may have given."""
        for part in self.parts:
            value = labels.get(part.name)
            if part.name == SEVERITY and severity:
                if not part.matches(severity, value or severity):
                    return False
            elif not part.matches(value):
                return False
        return True

    @property
    def matches_everything(self) -> bool:
        """Whether they match an alert without any label, and so (nearly) every alert."""
        return all(part.matches("") for part in self.parts)

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _given, serialization=core_schema.to_string_ser_schema()
        )


def _given(value: object) -> Matchers:
    """Return the matchers in a file or a row. Raises ValueError that says what they must be."""
    if isinstance(value, Matchers):
        return value
    if not isinstance(value, str):
        raise ValueError(EXAMPLE)
    try:
        return Matchers.parse(value)
    except UsageError as error:
        raise ValueError(f"{EXAMPLE}: {error.problem}".rstrip(".")) from None


def excerpt(text: str) -> str:
    """Return the beginning of `text`, to repeat it to the person who wrote it."""
    text = printable(text)
    return text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…"


def has_operator(text: str) -> bool:
    """Whether `text` is meant as matchers and not as a name."""
    return "=" in text or "!~" in text


def quoted(value: str) -> str:
    """Return `value` in double quotes, so that `parse` reads it back."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _read(text: str, at: int) -> tuple[Matcher, int]:
    """Return the matcher that begins at `at`, and where it ends. Raises UsageError."""
    found = _MATCHER.match(text, at)
    if found is not None:
        name, op, double, single, bare = found.group("name", "op", "quoted", "single", "bare")
        name = _unquoted(name) if name.startswith('"') else name
        value = _unquoted(double) if double else single[1:-1] if single else bare
    else:
        found = _WHOLE.match(text, at)
        if found is None:
            raise _invalid(text, at)
        name, op, value = found.group("name", "op", "value")
    if not _OF_OTHERS.fullmatch(name):
        raise UsageError(f"Invalid label name “{excerpt(name)}”.", field="matchers")
    return Matcher(sanitize_name(name), op, value), found.end()


def _past_blanks(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _invalid(text: str, at: int) -> UsageError:
    seen = text[at : at + 2 * MAX_EXCERPT]
    found = _FIRST.match(seen)
    part = excerpt((found[0] if found else seen).strip())
    return UsageError(f"Invalid matcher “{part}”: expected {EXAMPLE}.", field="matchers")


def _unquoted(text: str) -> str:
    """Return what stands between double quotes. An unknown escape stays as it is, because a regular
    expression has its own."""
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    if match["plain"]:
        return _ESCAPED.get(match["plain"], match["plain"])
    character = chr(int(match["x"] or match["u"], 16))
    return match[0] if "\ud800" <= character <= "\udfff" else character


def _compiled(matcher: Matcher) -> Regex:
    try:
        return Regex(matcher.value)
    except InvalidRegex as error:
        part = excerpt(f"{matcher.name}{matcher.op}{matcher.value}")
        raise UsageError(
            f"Invalid regular expression “{part}”: {error}.", field="matchers"
        ) from None
