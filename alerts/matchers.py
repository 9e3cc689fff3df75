"""Matchers: which alerts are meant, `env=prod app!=shop host=~"web-.*"`, as Alertmanager has them.

A regular expression must match the whole value, and a missing label has the empty value. Python's
engine can take for ever where RE2 cannot, so an expression is kept to what stays quick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import CoreSchema, core_schema

from alerts.labels import NAME, SEVERITY, Labels
from baton.errors import UsageError

_MATCHER = re.compile(
    r"""[\s,]*(?P<name>[A-Za-z_]\w*)\s*(?P<op>=~|!~|!=|=)\s*"""
    r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"{}]*))(?=[\s,]|$)""",
    re.ASCII,
)
_ESCAPE = re.compile(r'\\(["\\n])')
LONGEST, MOST_REPEATS = 200, 3
EXAMPLE = 'matchers such as env=prod app!=shop host=~"web-.*"'


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison. `op` is one of `= != =~ !~`."""

    name: str
    op: str
    value: str
    _pattern: re.Pattern[str] | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pattern = _compiled(self) if "~" in self.op else None
        object.__setattr__(self, "_pattern", pattern)

    def matches(self, value: str) -> bool:
        """Whether a label of this `value` is meant."""
        if self._pattern is None:
            same = value == self.value
        else:
            same = self._pattern.fullmatch(value) is not None
        return same is not self.op.startswith("!")

    def __str__(self) -> str:
        if self.value and "~" not in self.op and re.fullmatch(r"[\w.:/@-]+", self.value):
            return f"{self.name}{self.op}{self.value}"
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Matchers:
    """Several, all of which must hold; none at all means every alert."""

    parts: tuple[Matcher, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Matchers:
        """The matchers in `text`, with spaces or commas between them.

        Raises UsageError that names the part that is wrong.
        """
        rest = text.strip()
        if rest.startswith("{") and rest.endswith("}"):
            rest = rest[1:-1].strip()
        parts = []
        while rest.strip(" ,"):
            found = _MATCHER.match(rest)
            if found is None:
                part = rest.strip(" ,").split()[0]
                raise UsageError(f"“{part}” is no matcher: it must be {EXAMPLE}.", field="matchers")
            name, op, quoted, bare = found.group("name", "op", "quoted", "bare")
            value = bare if quoted is None else _ESCAPE.sub(_unescaped, quoted)
            if not NAME.fullmatch(name):
                raise UsageError(f"The name of the label {name} is too long.", field="matchers")
            parts.append(Matcher(name, op, value))
            rest = rest[found.end() :]
        return cls(tuple(parts))

    def matches(self, labels: Labels, severity: str = "") -> bool:
        """Whether an alert of these labels is meant; its severity counts as a label."""
        for part in self.parts:
            value = labels.get(part.name)
            if not value and part.name == SEVERITY:
                value = severity
            if not part.matches(value):
                return False
        return True

    @property
    def boundless(self) -> bool:
        """Whether an alert without a single label would be meant, and so (nearly) every alert."""
        return all(part.matches("") for part in self.parts)

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _given, serialization=core_schema.to_string_ser_schema()
        )


def _given(value: object) -> Matchers:
    """The matchers in a file or a row. Raises ValueError that says what they must be."""
    if isinstance(value, Matchers):
        return value
    if not isinstance(value, str):
        raise ValueError(EXAMPLE)
    try:
        return Matchers.parse(value)
    except UsageError as error:
        raise ValueError(f"{EXAMPLE}: {error.problem}".rstrip(".")) from None


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _compiled(matcher: Matcher) -> re.Pattern[str]:
    slow = _slow(matcher.value)
    try:
        if not slow:
            return re.compile(matcher.value)
    except (re.error, RecursionError, OverflowError) as error:
        slow = str(error)
    part = f"{matcher.name}{matcher.op}{matcher.value}"
    raise UsageError(
        f"“{part}” is no regular expression that can be used: {slow}.", field="matchers"
    )


def _slow(pattern: str) -> str:
    """Why `pattern` might take very long; empty if it cannot."""
    if len(pattern) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if re.search(r"\\[1-9]|\(\?(?!:)", pattern):
        return "it refers back, looks around, or sets flags"
    repeats = 0
    groups = [False]  # for each open group, whether something in it is repeated
    closed = False
    for token in re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", pattern, re.DOTALL):
        repeated = token in "*+" or (token[0] == "{" and len(token) > 1)
        if repeated:
            repeats += 1
            if closed:
                return "a group is repeated that holds a repetition"
            groups[-1] = True
        closed = False
        if token == "(":
            groups.append(False)
        elif token == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] = groups[-1] or closed
    return f"it repeats more than {MOST_REPEATS} times" if repeats > MOST_REPEATS else ""
