"""The form of a command: from its model, and back to the words that one would type. The console and
Slack show the same one. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pydantic import BaseModel, TypeAdapter, ValidationError

from baton.arguments import parse_arguments
from baton.command import Command, KnownServer, Reach, words_of
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import FieldSpec, fields_of
from baton.text.words import escaped, joined, split, unescaped, unmarked
from bot.schedules.parser import begins_time
from bot.schedules.reading import action_of, read_new
from bot.schedules.scanner import WHEN

PREFIX = "f-"
"""Stands before the name of a field in a form: a field may be called like one of the form's own."""
WHEN_HELP = (
    "Empty: now. A time makes it a schedule, such as: in 20m · at 18:30 · on 2027-01-05 at 07:00 · "
    "weekdays at 9am · every 2 hours."
)
SCHEDULE = "schedule"
"""The command by which others run later."""
MAX_OPTIONS = 200
"""Known values that a list offers. Beyond, people type the value and are helped to."""

_MOST_BEGUN = 30
"""Words of a command that was not finished from which its form is filled in, at most."""

Values = Mapping[str, Sequence[str]]
"""Field name -> the values that are known for it."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form. `kind` is how it is filled in: select, check, number or text. `options`
    are known values, of which a select takes one; `wrong` says what is wrong with `value`, which is
    `default` as long as nothing else is said. A check is `yes` or `no`."""

    name: str
    label: str
    word: str
    help: str
    required: bool
    kind: str
    value: str
    options: tuple[str, ...]
    wrong: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class CommandForm:
    """The form of the command called `command`, as a chat shows it: `when` is the field that says
    when it is to run, of a command that can run later, and `rollout` the one in which people type
    how it goes through its servers, of one that goes to each of them."""

    command: str
    summary: str
    usage: str
    fields: tuple[FormField, ...]
    when: FormField | None
    rollout: FormField | None = None


def command_form(command: type[Command], values: Values, filled: Mapping[str, str]) -> CommandForm:
    """Return the form of `command`, `filled` in so far."""
    when = FormField(WHEN, "When", "when", WHEN_HELP, False, "text", "", ())
    return CommandForm(
        command.name,
        command.summary(),
        command.usage(),
        tuple(form_fields(command, values, filled)),
        when if schedulable(command) else None,
    )


def schedulable(command: type[Command]) -> bool:
    """Return whether `command` can run later: what the bot answers itself cannot."""
    return command.reach is not Reach.HERE


def values_of(servers: Sequence[KnownServer]) -> dict[str, Sequence[str]]:
    """Return what may stand in which field, of these servers."""
    facts = [one.facts for one in servers]
    return {
        "environment": sorted({one.environment for one in facts}),
        "app": sorted({app for one in facts for app in one.apps}),
        "host": [one.host for one in facts],
    }


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
            _default(command, spec),
            several=spec.many and not command.verbatim,
        )
        for spec in fields_of(command)
    ]


def _field(
    spec: FieldSpec, values: Values, value: str, wrong: str, default: str, *, several: bool
) -> FormField:
    value = value or default
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
    return FormField(
        spec.name, label, spec.label, help, spec.required, kind, value, options, wrong, default
    )


def _default(command: type[Command], spec: FieldSpec) -> str:
    info = command.model_fields[spec.name]
    return "" if spec.required else _written(info.get_default(call_default_factory=True), spec)


def filled_in(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form or a query says of the fields of a command."""
    return {
        name.removeprefix(PREFIX): value.strip()
        for name, value in form.items()
        if name.startswith(PREFIX) and value.strip()
    }


def words_from(commands: Commands, name: str, filled: Mapping[str, str]) -> str:
    """Return the slash command that a filled in form equals.

    Raises UsageError, also if the command has gone or is another since the form was shown.
    """
    command = commands.named([name])[0]
    for unknown in filled.keys() - {spec.name for spec in fields_of(command)}:
        problem = "The command has changed: it has no such field now. Open its form again."
        raise UsageError(problem, field=unknown)
    if command.verbatim:
        (spec,) = fields_of(command)
        said = filled.get(spec.name, "")
        return f"/{name} {said if unescaped(said) == said else escaped(said)}".strip()
    arguments: dict[str, object] = {}
    for spec in fields_of(command):
        value = filled.get(spec.name)
        if value is not None and spec.flag:
            arguments[spec.name] = value != "no"
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
        _, _, rest = unescaped(typed).strip().partition(" ")
        return {spec.name: rest.strip()} if rest.strip() else {}
    found: dict[str, str] = {}
    for spec in specs:
        text = _written(getattr(command, spec.name), spec)
        if text and text != _default(type(command), spec):
            found[spec.name] = text
    return found


def begun(commands: Commands, text: str) -> tuple[type[Command], list[str]]:
    """Return the command that `text` begins to ask for, and the words that follow its name. Raises
    UsageError if there is none."""
    text = unmarked(text)
    try:
        words = split(text)
    except UsageError:  # a quote that is not closed: its name is known all the same
        words = text.split()[:1]
    command, rest = commands.named(words)
    return command, [*rest]


def form_of(commands: Commands, text: str) -> str:
    """Return `text` if it begins a command that has fields to fill in, else an empty text."""
    try:
        return text if fields_of(begun(commands, text)[0]) else ""
    except UsageError:
        return ""


def filled_so_far(command: type[Command], words: Sequence[str]) -> dict[str, str]:
    """Return the fields that the first of `words` fill in, up to what cannot be followed."""
    if command.verbatim:
        (spec,) = fields_of(command)
        return {spec.name: joined(words)} if words else {}
    for end in range(min(len(words), _MOST_BEGUN), -1, -1):
        with contextlib.suppress(UsageError):
            typed = parse_arguments(command, words[:end])
            specs = {spec.name: spec for spec in fields_of(command)}
            texts = {name: _typed(value, specs[name]) for name, value in typed.items()}
            return {name: text for name, text in texts.items() if text}
    return {}


def _typed(value: object, spec: FieldSpec) -> str:
    if not spec.flag:
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    try:
        return "yes" if TypeAdapter(bool).validate_python(value) else "no"
    except ValidationError:
        return ""


def _written(value: object, spec: FieldSpec) -> str:
    if value is None or isinstance(value, BaseModel):
        return ""
    if spec.flag:
        return "yes" if value else "no"
    if spec.many and isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(map(_one, value))
    return _one(value)


def _one(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)
