"""Arguments that a settings file declares become the fields of a command. Pure.

`[runner.report] args.month = { type = "choice", of = ["may", "june"] }` is read as an `Argument`,
travels as one in the heartbeats of a worker, and becomes a field: in the bot for whoever asks, in
the worker for what it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from baton.fields import meaning
from baton.timing import durations

M = TypeVar("M", bound=BaseModel)

MAX_ARGUMENTS = 30
"""Arguments of a runner, at most: a form with more of them does not fit into a chat."""
MAX_CHOICES = 100
"""Values that a choice may have: Slack's lists have no more."""
_LONGEST_TEXT = 1_000
_WHOLE = 2**53
"""What every reader of JSON can hold as a whole number."""
_COMMAND = frozenset(
    (
        "accept_within",
        "answer",
        "changes",
        "example",
        "from_arguments",
        "from_words",
        "help",
        "name",
        "outcome",
        "reach",
        "runner",
        "surveys",
        "summary",
        "target",
        "timeout",
        "title",
        "undo",
        "usage",
        "verbatim",
    )
)
"""What a command says about itself; a field of such a name would hide it."""
RESERVED = _COMMAND | {name for name in dir(BaseModel) if not name.startswith("_")}
"""Names that no argument may have."""

Type = Literal["text", "integer", "number", "choice", "flag", "duration", "date"]


def _one_of_text(values: object) -> object:
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise ValueError('a list of texts, such as ["may", "june"]')
    if len(set(values)) < len(values):
        raise ValueError("a list in which each value stands once")
    return values


def _written(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError("a text, a number, true or false, or a date")
    return value


class Argument(BaseModel):
    """An argument that a runner declares: what people type, and what it must be.

    `of` are the values of a choice; `min` and `max` bound an integer or a number. It is required
    unless it has a default, is a flag, or says `required = false`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Type
    help: str = Field(default="", max_length=200)
    of: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=75)], ...],
        BeforeValidator(_one_of_text),
        Field(max_length=MAX_CHOICES),
    ] = ()
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    default: Annotated[bool | int | float | str | None, BeforeValidator(_written)] = None
    required: bool | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type == "choice") != bool(self.of):
            raise ValueError("a choice with its values (`of`), or another type without them")
        bounded = self.min is not None or self.max is not None
        if bounded and self.type not in ("integer", "number"):
            raise ValueError("an integer or a number, if it has a `min` or a `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("given a `min` that is not above its `max`")
        if self.required and (self.default is not None or self.type == "flag"):
            raise ValueError("either required or given a default; a flag is never required")
        if self.default is not None:
            try:
                TypeAdapter(_annotation(self)).validate_python(self.default)
            except ValidationError as error:
                raise ValueError(f"given a default that is {_must(self, error)}") from None
        return self

    @property
    def optional(self) -> bool:
        """Return whether it may be left out."""
        return self.required is False or self.default is not None or self.type == "flag"


def command_names(runner: str) -> tuple[str, str]:
    """Return what the command of `runner` is called: like it, or `run-NAME` where another command
    has that name. People type names in lower case."""
    name = runner.lower()
    return name, f"run-{name}"[:64]


def is_command_of(command: str, runner: str) -> bool:
    """Return whether `command`, of a request, is that of `runner`."""
    return command in (runner, *command_names(runner))


def field_of(argument: Argument) -> tuple[Any, FieldInfo]:
    """Return `argument` as a field of a command: its annotation and the rest."""
    annotation = _annotation(argument)
    described: dict[str, Any] = {
        "description": argument.help or _HELP.get(argument.type, ""),
        "examples": list(_EXAMPLES.get(argument.type, ())),
    }
    if not argument.optional:
        return annotation, Field(**described)
    if argument.type == "flag":
        return annotation, Field(default=bool(argument.default), **described)
    if argument.default is None:
        return annotation | None, Field(default=None, **described)
    default = TypeAdapter(annotation).validate_python(argument.default)
    return annotation, Field(default=default, **described)


def model_of(name: str, arguments: Mapping[str, Argument], base: type[M], doc: str = "") -> type[M]:
    """Return a model derived from `base` that has `arguments` as fields."""
    fields: dict[str, Any] = {key: field_of(argument) for key, argument in arguments.items()}
    return create_model(name, __base__=base, __doc__=doc, **fields)


def for_programs(
    arguments: Mapping[str, Argument], values: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return valid `values` as a program wants them: a duration is a number of seconds."""
    return {
        name: durations.parse(value)
        if isinstance(value, str) and name in arguments and arguments[name].type == "duration"
        else value
        for name, value in values.items()
    }


_HELP = {
    "duration": "a length of time such as 30m or 2h",
    "date": "a date such as 2026-11-27",
}
_EXAMPLES = {"duration": ("30m", "2h")}


def _annotation(argument: Argument) -> Any:
    if argument.type == "choice":
        return Literal[argument.of]
    if argument.type == "integer":
        return Annotated[int, AfterValidator(_between(argument, "a whole number", _WHOLE))]
    if argument.type == "number":
        check = AfterValidator(_between(argument, "a number", math.inf))
        return Annotated[float, Field(allow_inf_nan=False), check]
    return _SIMPLE[argument.type]


def _between(argument: Argument, what: str, widest: float) -> Callable[[Any], Any]:
    low, high = argument.min, argument.max
    limits = [f"at least {low:.15g}"] if low is not None else []
    limits += [f"at most {high:.15g}"] if high is not None else []
    must = f"{what}, {' and '.join(limits)}" if limits else f"{what} of at most {widest:.15g}"
    least, most = (-widest if low is None else low), (widest if high is None else high)

    def check(value: Any) -> Any:
        if not least <= value <= most:
            raise ValueError(must)
        return value

    return check


def _duration(text: str) -> str:
    durations.parse(text)
    return " ".join(text.split())


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("a date such as 2026-11-27") from None


_Short = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_TEXT)]
_SIMPLE: Mapping[str, Any] = {
    "text": _Short,
    "flag": bool,
    "duration": Annotated[_Short, AfterValidator(_duration)],
    "date": Annotated[_Short, AfterValidator(_date)],
}


def _must(argument: Argument, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if argument.of:
        return f"one of {', '.join(argument.of)}"
    return meaning(first) or first["msg"].removeprefix("Input should be ")
