"""The form of a command: from its model, and back to the words that one would type. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pydantic import BaseModel

from baton.command import Command, Reach, words_of
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import FieldSpec, fields_of
from baton.text.words import joined, split, unmarked
from bot.schedules.parser import begins_time
from bot.schedules.reading import action_of, read_new

PREFIX = "f-"
"""Stands before the name of a field in a form: a field may be called like one of the form's own."""
SCHEDULE = "schedule"
"""The command by which others run later."""
MAX_OPTIONS = 200
"""Known values that a list offers. Beyond, people type the value and are helped to."""

Values = Mapping[str, Sequence[str]]
"""Field name -> the values that are known for it."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form. `kind` is how it is filled in: select, check, number or text. `options`
    are known values, of which a select takes one; `wrong` says what is wrong with `value`."""

    name: str
    label: str
    word: str
    help: str
    required: bool
    kind: str
    value: str
    options: tuple[str, ...]
    wrong: str = ""


def form_fields(
    command: type[Command],
    values: Values,
    filled: Mapping[str, str],
    wrong: Mapping[str, str] = {},
) -> list[FormField]:
    """Return the fields of `command`, `filled` in so far, with what is `wrong` in which."""
    return [
        _field(
            spec,
            values,
            filled.get(spec.name, ""),
            wrong.get(spec.name, ""),
            several=spec.many and not command.verbatim,
        )
        for spec in fields_of(command)
    ]


def _field(spec: FieldSpec, values: Values, value: str, wrong: str, *, several: bool) -> FormField:
    known = spec.choices or tuple(values.get(spec.name, ()))
    kind = "text"
    if spec.flag:
        kind = "check"
    elif not spec.many and known and len(known) <= MAX_OPTIONS and spec.name != "ref":
        kind = "select"
        if value and value not in known:
            known = (*known, value)
    elif spec.meant in ("a whole number", "a number"):
        kind = "number"
    options = tuple(dict.fromkeys([*known, *spec.examples]))[:MAX_OPTIONS]
    help = spec.help + ("; several with commas between" if several else "")
    label = spec.name.replace("_", " ").capitalize()
    return FormField(spec.name, label, spec.label, help, spec.required, kind, value, options, wrong)


def filled_in(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form or a query says of the fields of a command."""
    return {
        name.removeprefix(PREFIX): value.strip()
        for name, value in form.items()
        if name.startswith(PREFIX) and value.strip()
    }


def words_from(commands: Commands, name: str, filled: Mapping[str, str]) -> str:
    """Return the slash command that a filled in form equals. Raises UsageError."""
    command = commands[name].command
    if command.verbatim:
        (spec,) = fields_of(command)
        return f"/{name} {filled.get(spec.name, '')}".strip()
    arguments: dict[str, object] = {}
    for spec in fields_of(command):
        value = filled.get(spec.name)
        if spec.flag:
            arguments[spec.name] = value is not None and value != "no"
        elif value is not None:
            arguments[spec.name] = re.split(r"[,\s]+", value) if spec.many else value
    return f"/{words_of(commands.build(name, arguments))}"


def scheduled(words: str, when: str) -> str:
    """Return the slash command that runs the slash command `words` at `when`; `words` if that is
    now."""
    return f"/{SCHEDULE} {words.removeprefix('/')} {when}" if when else words


def apart(commands: Commands, text: str, now: datetime) -> tuple[str, str]:
    """Return the command and the time of which `text`, typed at `now`, makes a schedule, as they
    are typed.

    The time is empty if `text` is another command, or about a schedule that there is. Raises
    UsageError.
    """
    if commands.parse(text).name != SCHEDULE:
        return text, ""
    words = split(unmarked(text))[1:]
    if not action_of(commands, words):
        for at in _ways(commands, words, now):
            with contextlib.suppress(UsageError):
                found = joined(words[:at])
                if commands.parse(found).reach is not Reach.HERE:
                    return found, joined(words[at:])
    return text, ""


def _ways(commands: Commands, words: Sequence[str], now: datetime) -> list[int]:
    """Return where the time of a schedule begins in its `words`: where the scheduler reads it, or,
    while the time is wrong, where it may begin."""
    try:
        return [len(read_new(commands, words, now, "UTC").command)]
    except UsageError:
        return [at for at, word in enumerate(words) if at and begins_time(word)]


def filled_from(command: Command, typed: str) -> dict[str, str]:
    """Return the fields of a form that equals `command`, which was `typed`."""
    specs = fields_of(type(command))
    if command.verbatim:
        (spec,) = specs
        _, _, rest = typed.strip().partition(" ")
        return {spec.name: rest.strip()} if rest.strip() else {}
    found: dict[str, str] = {}
    for spec in specs:
        text = _written(getattr(command, spec.name), spec)
        if text:
            found[spec.name] = text
    return found


def _written(value: object, spec: FieldSpec) -> str:
    if value is None or isinstance(value, BaseModel):
        return ""
    if spec.flag:
        return "yes" if value else ""
    if spec.many and isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(map(_one, value))
    return _one(value)


def _one(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)
