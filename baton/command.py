"""A command is the base of everything that people can request.

One model serves every front end: the words that people type become its fields, and the same
definition gives the usage line, the help and the JSON schema. fields.py describes the fields,
arguments.py parses the words. Pure: nothing here does I/O.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from baton.arguments import format_arguments, parse_arguments, usage_error
from baton.bus.facts import Facts
from baton.errors import UsageError
from baton.fields import fields_of
from baton.outcome import Answer, Outcome, RunReport, counted
from baton.text.words import kept, split


class Reach(StrEnum):
    """Reach says who a command is for.

    `EACH`: the servers that it names, one confirmed request each, so that a missing server is known
    at once. `ALL`: every agent that receives a broadcast. `QUEUE`: one worker, whichever takes it
    from the queue that the command names. `HERE`: no server; the bot answers from what it knows.
    """

    EACH = "each"
    ALL = "all"
    QUEUE = "queue"
    HERE = "here"


class Known(Protocol):
    """What the bot knows is given to a command that the bot answers itself."""

    @property
    def blind_since(self) -> datetime | None:
        """Return since when the bot has no link to RabbitMQ, so that it receives no heartbeats;
        None if it has."""

    @property
    def signing_keys(self) -> Sequence[str]:
        """Return the fingerprints of the keys with which the bot signs."""
        return ()

    def servers(self) -> Sequence[KnownServer]:
        """Return every server that has sent a heartbeat, by name."""


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server is described here as the bot knows it.

    `silent` is the time since its last heartbeat, in seconds; `missing` is whether that is longer
    than its heartbeat interval allows. `notes` say what is unusual about it, in a few words each,
    such as a clock that is wrong.
    """

    facts: Facts
    silent: float
    missing: bool = False
    notes: tuple[str, ...] = ()


class Command(BaseModel):
    """A command is what people can request.

    The first line of a subclass's docstring is its summary, the rest is its help.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: ClassVar[str]
    reach: ClassVar[Reach] = Reach.EACH
    example: ClassVar[str] = ""
    accept_within: ClassVar[float] = 60.0
    """Seconds within which a server must have begun; later it refuses."""
    timeout: ClassVar[float] = 900.0
    """Seconds that a run may take before its agent ends it."""
    changes: ClassVar[bool] = True
    """Whether it changes a server. What only looks is shown more briefly."""
    surveys: ClassVar[bool] = False
    """Whether a server can say before what it would do: its consumer defines `survey`. People who
    approve it are shown that."""
    verbatim: ClassVar[bool] = False
    """Whether its one field takes all words as they come, those that look like options too: they
    ask for something else, as in `/schedule deploy shop prod --ref v2 weekdays at 9am`."""

    @property
    def target(self) -> Target:
        """Return which servers it is for, from its fields `environment`, `app` and `host`."""
        fields = {name: getattr(self, name, None) for name in ("environment", "app", "host")}
        return Target(**fields)

    def title(self) -> str:
        """Return what a post calls it: `deploy shop prod --ref v2`."""
        return " ".join([self.name, *format_arguments(self, verbatim=self.verbatim)])

    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """Return how the whole job reads, from the state of each run: by default `3 of 5 done`, and
        which failed."""
        return counted(runs)

    def undo(self) -> str:
        """Return the words of the command that takes it back on a server where it succeeded, such
        as `rollback shop prod`: empty if nothing does."""
        return ""

    def answer(self, known: Known) -> Answer:
        """Return the answer of a command whose reach is `HERE`.

        Raises UsageError if what it asks for does not exist.
        """
        raise NotImplementedError(f"{type(self).__name__} reaches HERE and must define answer()")

    @classmethod
    def summary(cls) -> str:
        """Return what it does, in one line."""
        return inspect.cleandoc(cls.__doc__ or cls.name).partition("\n")[0]

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: `/deploy APP ENVIRONMENT [--ref REF]`."""
        return " ".join([f"/{cls.name}", *(spec.usage for spec in fields_of(cls))])

    @classmethod
    def help(cls) -> str:
        """Return the usage, what it does, each field, and an example."""
        lines = [cls.usage(), "", _unwrapped(inspect.cleandoc(cls.__doc__ or ""))]
        described = [(spec.label, spec.help) for spec in fields_of(cls) if spec.help]
        if described:
            width = max(len(label) for label, _ in described)
            lines += ["", *(f"  {label:<{width}}  {text}" for label, text in described)]
        if cls.example:
            lines += ["", f"Example: {cls.example}"]
        return "\n".join(lines)

    @classmethod
    def from_words(cls, words: str | Sequence[str]) -> Self:
        """Return the command that `words` (without its name) request.

        Raises UsageError that names the field, what is wrong with it and the right usage.
        """
        try:
            parts = split(words) if isinstance(words, str) else words
            return cls._validated(parse_arguments(cls, parts, verbatim=cls.verbatim))
        except UsageError as error:
            raise UsageError(error.problem, f"Usage: {cls.usage()}", error.field) from None

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> Self:
        """Return the command that was sent as `arguments`, as `model_dump(mode="json")` made them.

        Raises UsageError as `from_words` does.
        """
        return cls._validated(arguments)

    @classmethod
    def _validated(cls, values: Mapping[str, object]) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise usage_error(cls, error, values) from None


def words_of(command: Command) -> str:
    """Return the words that request `command`, with its name and without a slash: what they parse
    to is equal to it."""
    return kept(" ".join([command.name, *format_arguments(command, verbatim=command.verbatim)]))


def _unwrapped(text: str) -> str:
    """Return `text` with each paragraph as one line.

    Whoever shows it breaks the lines. What is indented or set in columns stays as it is.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and _flows(lines[-1]) and _flows(line):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _flows(line: str) -> bool:
    return bool(line) and "  " not in line and not line.startswith(" ")


@dataclass(frozen=True, slots=True)
class Target:
    """A target says which servers a command is for."""

    environment: str | None = None
    app: str | None = None
    host: str | None = None
