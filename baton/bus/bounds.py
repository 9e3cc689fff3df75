"""The types of values from outside: each is bounded, whoever sent it. Pure.

An invalid identifier (a host, an ID) is refused, since cutting it would make it another. A text is
cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic_core import to_json

from baton.text.printable import printable

MAX_MESSAGE = 131_072
"""Bytes of a message on the bus, at most: RabbitMQ's own limit of a frame. Decoding takes well
under 50 ms, whatever the message contains."""

MAX_NAMES = 500
"""Names in a list, at most."""

MAX_TEXT = 8_000
"""Characters of a text, at most."""

_MAX_DEPTH = 16
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(3000, 1, 1, tzinfo=UTC)
_WIDEST = timedelta(days=1)


def _cut(most: int) -> Callable[[str], str]:
    def cut(text: str) -> str:
        return sendable(text if len(text) <= most else f"{text[: most - 1]}…")

    return cut


def _line(most: int) -> Callable[[str], str]:
    return lambda text: printable(sendable(text[: 4 * most]))[:most]


def sendable(text: str) -> str:
    """Return `text` as it can be sent: what came from bytes that are not UTF-8 becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _moment(at: datetime) -> datetime:
    # first without its offset, which could leave the calendar
    naive = at.replace(tzinfo=UTC)
    if not _EARLIEST + _WIDEST <= naive <= _LATEST - _WIDEST:
        raise ValueError("a time between 1970 and 3000")
    return at.astimezone(UTC)


def _small(
    most: int = MAX_MESSAGE * 8,
) -> Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue]]:
    def small(values: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        if values:
            if not _shallow(values):
                raise ValueError(f"values at most {_MAX_DEPTH} levels deep")
            if len(to_json(values)) > most:
                raise ValueError(f"at most {most} bytes of JSON")
        return values

    return small


_SINGLE = (str, int, float, NoneType)


def _shallow(values: object) -> bool:
    level = [values]
    for _ in range(_MAX_DEPTH):
        level = [
            inner for value in level if not isinstance(value, _SINGLE) for inner in _inside(value)
        ]
        if not level:
            return True
    return False


def _inside(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def at_most(most: int) -> BeforeValidator:
    """Mark a list of at most `most` values. A longer one is refused before any value is read."""

    def counted(values: object) -> object:
        if isinstance(values, list | tuple) and len(values) > most:
            raise ValueError(f"a list of at most {most}")
        return values

    return BeforeValidator(counted)


Id = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]
"""An id: visible ASCII characters."""

Text = Annotated[str, AfterValidator(_cut(MAX_TEXT))]
"""A text of several lines; a longer one is cut."""

Line = Annotated[str, AfterValidator(_line(300))]
"""A short text of one line, without invisible characters."""

Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A time between 1970 and 3000, given with its offset and kept in UTC."""

Details = Annotated[Mapping[str, JsonValue], AfterValidator(_small(16_384))]
"""Values for programs: at most 16 KB of JSON, 16 levels deep."""

Arguments = Annotated[Mapping[str, JsonValue], AfterValidator(_small())]
"""The fields of a command, 16 levels deep at most; no agent reads more than MAX_MESSAGE bytes."""

MAX_RUNNERS = 100
"""Runners of a worker, at most: its heartbeats name them all."""
MAX_RUNNERS_SIZE = 65_536
"""Bytes of JSON that all runners of a worker may take, at most: half of a message."""

RunnerArguments = Annotated[Mapping[str, JsonValue], AfterValidator(_small(16_384))]
"""The arguments that a runner declares, by name: at most 16 KB of JSON, 16 levels deep."""

QueueName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", min_length=1, max_length=200)
]
"""The name of a work queue: it is part of routing keys, and of names of queues."""


def together_small(runners: Sequence[BaseModel]) -> Sequence[BaseModel]:
    """Return `runners`. Raises ValueError if they would not fit into a heartbeat together."""
    if runners and len(to_json(runners)) > MAX_RUNNERS_SIZE:
        raise ValueError(f"runners of at most {MAX_RUNNERS_SIZE} bytes of JSON together")
    return runners


Attempt = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Counts the starts of a request, from 1."""

Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
"""A duration in seconds: more than zero, at most a year."""

Interval = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
"""Seconds between two heartbeats, roughly."""
