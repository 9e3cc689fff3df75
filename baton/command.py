"""Command: the base of everything that can be asked.

One model serves every front end: the words people type become its fields, and the same definition
gives the usage line, the help and the JSON schema. A field without a default is a word in its place
(`/deploy shop prod`); one with a default is an option (`--ref v2` or `ref=v2`), unless it
is marked `Positional`. Pure: nothing here talks to anything.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from baton.errors import UsageError
from baton.messages import Facts
from baton.outcome import Answer, Outcome, RunReport, counted
from baton.words import did_you_mean, quoted, split


class _Positional:
    def __repr__(self) -> str:
        return "Positional"


Positional = _Positional()
"""Marks an optional field that is a word in its place: `Annotated[Host | None, Positional] =
None`."""

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", min_length=1, max_length=64)
]
"""The name of an app or an environment: letters, digits, `-` and `_`."""

Host = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", min_length=1, max_length=253)
]
"""The name of a server, as its agent gives it."""

Ref = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_+@-]*(?:[./][A-Za-z0-9_+@-]+)*$", max_length=200
    ),
]
"""A branch, tag or commit of git: never an option (no leading `-`), never a way out (no `..`)."""

_MEANT = {
    id(Name.__metadata__[0]): "letters, digits, - and _",  # type: ignore[attr-defined]
    id(Host.__metadata__[0]): "the name of a server",  # type: ignore[attr-defined]
    id(Ref.__metadata__[0]): "a branch, tag or commit of git",  # type: ignore[attr-defined]
}


class Reach(StrEnum):
    """Who a command is for.

    `EACH`: the servers that it names, one confirmed request each, so that a missing one is known
    at once.
    `ALL`: every agent that hears a broadcast. `HERE`: nobody; the bot answers from what it knows.
    """

    EACH = "each"
    ALL = "all"
    HERE = "here"


class Known(Protocol):
    """What the bot knows, for a command that is answered here."""

    @property
    def blind_since(self) -> datetime | None:
        """Since when the bot has no link to the bus, so that it hears nobody; None while it has."""

    def servers(self) -> Sequence[Seen]:
        """Every server that was heard, by name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A server as the bot knows it. `silent` is for how many seconds it has not been heard;
    `missing` whether that is longer than its heartbeats allow."""

    facts: Facts
    silent: float
    missing: bool = False


class Command(BaseModel):
    """What can be asked. The first line of a subclass's docstring is its summary, the rest its
    help."""

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
    verbatim: ClassVar[bool] = False
    """Whether its one field takes all words as they come, those that look like options too: they
    ask for something else, as in `/schedule deploy shop prod --ref v2 weekdays at 9am`."""

    @property
    def target(self) -> Target:
        """Which servers it is for, read from its fields `environment`, `app` and `host`."""
        fields = {name: getattr(self, name, None) for name in ("environment", "app", "host")}
        return Target(**fields)

    def title(self) -> str:
        """How it is called in a post: `deploy shop prod --ref v2`."""
        return " ".join([self.name, *_spoken(self)])

    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """How the whole reads, from the state of each run: by default `3 of 5 done` and who is
        not."""
        return counted(runs)

    def answer(self, known: Known) -> Answer:
        """The answer of a command whose reach is `HERE`. Raises UsageError if what is asked for is
        not there."""
        raise NotImplementedError(f"{type(self).__name__} reaches HERE and must define answer()")

    @classmethod
    def summary(cls) -> str:
        """What it does, in a line."""
        return inspect.cleandoc(cls.__doc__ or cls.name).partition("\n")[0]

    @classmethod
    def usage(cls) -> str:
        """`/deploy APP ENVIRONMENT [--ref REF]`."""
        return " ".join([f"/{cls.name}", *(_usage_of(spec) for spec in fields_of(cls))])

    @classmethod
    def help(cls) -> str:
        """Usage, what it does, each field, and an example."""
        lines = [cls.usage(), "", inspect.cleandoc(cls.__doc__ or "")]
        described = [(_label(spec), spec.help) for spec in fields_of(cls) if spec.help]
        if described:
            width = max(len(label) for label, _ in described)
            lines += ["", *(f"  {label:<{width}}  {text}" for label, text in described)]
        if cls.example:
            lines += ["", f"Example: {cls.example}"]
        return "\n".join(lines)

    @classmethod
    def from_words(cls, words: str | Sequence[str]) -> Self:
        """The command that `words` (without its name) ask for.

        Raises UsageError that names the field, what was wrong with it and the right usage.
        """
        try:
            return cls._validated(_assigned(cls, split(words) if isinstance(words, str) else words))
        except UsageError as error:
            raise UsageError(error.problem, f"Usage: {cls.usage()}", error.field) from None

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object]) -> Self:
        """The command that travelled as `arguments`, as `model_dump(mode="json")` gave them.

        Raises UsageError as `from_words` does.
        """
        return cls._validated(arguments)

    @classmethod
    def _validated(cls, values: Mapping[str, object]) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explained(cls, error, values) from None


@dataclass(frozen=True, slots=True)
class Target:
    """Which servers a command is for."""

    environment: str | None = None
    app: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of a command as people meet it."""

    name: str
    help: str
    required: bool
    positional: bool
    flag: bool
    many: bool
    choices: tuple[str, ...]
    meant: str

    @property
    def option(self) -> str:
        """`--dry-run` for dry_run."""
        return "--" + self.name.replace("_", "-")


@cache
def fields_of(command: type[Command]) -> tuple[FieldSpec, ...]:
    """The fields of `command`, words in their place first, options after."""
    specs = [_spec(name, info) for name, info in command.model_fields.items()]
    return tuple(sorted(specs, key=lambda spec: not spec.positional))


def _spec(name: str, info: FieldInfo) -> FieldSpec:
    annotation = _without_none(info.annotation)
    origin = typing.get_origin(annotation)
    choices: tuple[str, ...] = ()
    if origin is Literal:
        choices = tuple(str(value) for value in typing.get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        choices = tuple(str(member.value) for member in annotation)
    return FieldSpec(
        name=name,
        help=info.description or "",
        required=info.is_required(),
        positional=info.is_required() or Positional in info.metadata,
        flag=annotation is bool,
        many=origin in (list, tuple, set, frozenset),
        choices=choices,
        meant=_meant(annotation, info),
    )


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            annotation = rest[0]
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _meant(annotation: Any, info: FieldInfo) -> str:
    marks = [*info.metadata]
    for part in typing.get_args(info.annotation):
        marks += getattr(part, "__metadata__", ())
    for mark in marks:
        if id(mark) in _MEANT:
            return _MEANT[id(mark)]
    return {int: "a whole number", float: "a number", bool: "yes or no"}.get(annotation, "")


def _label(spec: FieldSpec) -> str:
    return spec.name.upper() if spec.positional else spec.option


def _usage_of(spec: FieldSpec) -> str:
    value = "|".join(spec.choices) or spec.name.upper()
    if spec.many:
        value += " ..."
    if spec.positional:
        return value if spec.required else f"[{value}]"
    return f"[{spec.option}]" if spec.flag else f"[{spec.option} {value}]"


def _spoken(command: Command) -> Iterable[str]:
    """The words that ask for `command`: they are read back as the same command."""
    if command.verbatim:
        (spec,) = fields_of(type(command))
        yield from (quoted(word) for word in getattr(command, spec.name))
        return
    in_place = True
    names = set(type(command).model_fields)
    for spec in fields_of(type(command)):
        value = getattr(command, spec.name)
        given = value is not None and value != type(command).model_fields[spec.name].get_default(
            call_default_factory=True
        )
        if spec.positional and not given:
            in_place = False
        if not given:
            continue
        text = _text(value, spec)
        if spec.flag and value:
            yield spec.option
        elif spec.positional and in_place and not _looks_like_option(text, names):
            yield " ".join(quoted(part) for part in _texts(value)) if spec.many else quoted(text)
        elif text.startswith("-") or spec.positional or spec.flag:
            yield quoted(f"{spec.option}={text}")
        else:
            yield f"{spec.option} {quoted(text)}"


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value.value if isinstance(value, Enum) else value) for value in values]


def _text(value: object, spec: FieldSpec) -> str:
    if spec.flag:
        return "yes" if value else "no"
    return ",".join(_texts(value)) if spec.many else _texts([value])[0]  # type: ignore[arg-type]


def _looks_like_option(text: str, names: Collection[str]) -> bool:
    key = text.partition("=")[0].replace("-", "_").lower()
    return text.startswith("-") or ("=" in text and key in names)


def _assigned(command: type[Command], words: Sequence[str]) -> dict[str, object]:
    specs = fields_of(command)
    if command.verbatim:
        return {specs[0].name: list(words)}
    places = [spec for spec in specs if spec.positional]
    options = {spec.name: spec for spec in specs}
    values: dict[str, object] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        spec, value = _option(word, options)
        if spec is None:
            spec, value = _place(places, values, word), word
        elif value is None:
            value = _value_after(spec, word, rest)
        _put(values, spec, value)
    return values


def _option(word: str, options: Mapping[str, FieldSpec]) -> tuple[FieldSpec | None, str | None]:
    """The option that `word` gives and its value; (None, None) if the word is no option."""
    dashed = word.startswith("--")
    key, has_value, value = word.removeprefix("--").partition("=")
    name = key.replace("-", "_").lower()
    if not dashed and not (has_value and name in options):
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            problem = f"{word} is not an option: options begin with two dashes."
            raise UsageError(problem, field=name.lstrip("_"))
        return None, None
    if name not in options:
        known = [spec.option for spec in options.values() if not spec.positional]
        hint = did_you_mean(f"--{key}", known)
        raise UsageError(f"There is no option --{key}.{hint}", field=name)
    if has_value and not value:
        raise UsageError(f"{_label(options[name])} is given no value.", field=name)
    return options[name], (value if has_value else None)


def _value_after(spec: FieldSpec, word: str, rest: list[str]) -> str:
    if spec.flag:
        return "true"
    if not rest or rest[0].startswith("--"):
        raise UsageError(f"{word} needs a value.", field=spec.name)
    return rest.pop(0)


def _place(places: Sequence[FieldSpec], values: Mapping[str, object], word: str) -> FieldSpec:
    for spec in places:
        if spec.many or spec.name not in values:
            return spec
    raise UsageError(f"“{word}” is one word too many.")


def _put(values: dict[str, object], spec: FieldSpec, value: str | None) -> None:
    if spec.many:
        held = values.setdefault(spec.name, [])
        assert isinstance(held, list)
        held.extend(part for part in str(value).split(",") if part)
    elif spec.name in values:
        raise UsageError(f"{_label(spec)} is given twice.", field=spec.name)
    else:
        values[spec.name] = value


def _explained(
    command: type[Command], error: ValidationError, values: Mapping[str, object]
) -> UsageError:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    spec = next((spec for spec in fields_of(command) if spec.name == name), None)
    if spec is None:
        return UsageError(f"{first['msg']}.", field=name)
    if first["type"] == "missing":
        return UsageError(f"{_label(spec)} is missing.", field=name)
    given = values.get(name)
    if spec.choices:
        hint = did_you_mean(str(given), spec.choices)
        must = f"it must be one of {', '.join(spec.choices)}"
        return UsageError(f"{_label(spec)}: “{given}” will not do: {must}.{hint}", field=name)
    if first["type"] == "value_error":
        must = str(first["ctx"]["error"])
    else:
        must = f"it must be {spec.meant}" if spec.meant else first["msg"].lower()
    return UsageError(f"{_label(spec)}: “{given}” will not do: {must}.", field=name)
