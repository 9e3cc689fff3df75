"""Suggests what to type next: commands, their options, and known values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from baton.extensions import Commands
from baton.fields import FieldSpec, fields_of
from bot.dispatch.live_commands import RUN, LiveCommands
from bot.dispatch.rollout_form import rollout_specs

Values = Mapping[str, Callable[[], Iterable[str]]]
"""Field name -> what may stand there."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion: `text` replaces the last `replaces` characters; `meaning` explains it."""

    text: str
    replaces: int
    meaning: str = ""


def suggestions(
    typed: str, commands: Commands, values: Values, own: Mapping[str, str]
) -> list[Suggestion]:
    """Return what may follow `typed`. `own` are the commands of the terminal itself, with their
    help."""
    if typed[:1].isspace():
        typed = typed.lstrip()
    words = typed.split()
    if words[:1] == ["/baton"] and (len(words) > 1 or typed.endswith(" ")):
        words = words[1:]
    last = "" if typed.endswith(" ") or not words else words[-1]
    before = words[:-1] if last else words
    if not before:
        return _names(last, commands, own)
    name = before[0].removeprefix("/").lower()
    if name == RUN and len(before) > 1:  # as if its command had been typed itself
        before = before[1:]
        name = runner_name(before[0], commands)
    if name not in commands:
        return []
    if name == RUN and isinstance(commands, LiveCommands):
        values = {**values, "runner": commands.runner_words}
    command = commands[name].command
    beside = rollout_specs(command)
    return field_suggestions(list(fields_of(command)), before[1:], last, values, beside)


def _names(last: str, commands: Commands, own: Mapping[str, str]) -> list[Suggestion]:
    known = {name: extension.command.summary() for name, extension in commands.items()}
    known |= own
    wanted = last.removeprefix("/").lower()
    return [
        Suggestion(f"/{name}", len(last), known[name])
        for name in sorted(known)
        if name.startswith(wanted)
    ]


def runner_name(word: str, commands: Commands) -> str:
    """Return the name of the command of the runner that is called `word`; empty if there is
    none."""
    return commands.runner_name(word) if isinstance(commands, LiveCommands) else ""


def field_suggestions(
    specs: Sequence[FieldSpec],
    before: Sequence[str],
    last: str,
    values: Values,
    beside: Sequence[FieldSpec] = (),
) -> list[Suggestion]:
    """Return what may follow the words `before` of a command with these fields; `last` is the word
    that is being typed. What is said `beside` a command is offered to whoever types a dash."""
    own = {spec.option for spec in specs}
    options = {spec.option: spec for spec in (*specs, *beside)}
    if before and before[-1] in options and not options[before[-1]].flag:
        return _values(options[before[-1]], last, values)
    key, is_option, value = last.partition("=")
    named = options.get("--" + key.removeprefix("--").replace("_", "-"))
    if is_option and named is not None:
        return _values(named, value, values)
    if last.startswith("-"):
        used = {word.partition("=")[0] for word in before}
        return [
            Suggestion(option, len(last), spec.help)
            for option, spec in options.items()
            if option.startswith(last) and option not in used and not spec.positional
        ]
    at = sum(1 for _ in _placed(before, options))
    places = [spec for spec in specs if spec.positional]
    if at < len(places):
        return _values(places[at], last, values)
    if last:
        return []
    return [
        Suggestion(option, 0, spec.help)
        for option, spec in options.items()
        if not spec.positional and option not in before and option in own
    ]


def _placed(words: Sequence[str], options: Mapping[str, FieldSpec]) -> Iterable[str]:
    """Yield the positional words: neither options nor their values."""
    value_follows = False
    for word in words:
        if value_follows:
            value_follows = False
        elif word in options:
            value_follows = not options[word].flag
        elif "=" not in word:
            yield word


def _values(spec: FieldSpec, typed: str, values: Values) -> list[Suggestion]:
    known: Iterable[str] = spec.choices
    if not known and spec.name in values:
        known = values[spec.name]()
    known = [*known, *spec.examples]
    meaning = spec.name
    return [
        Suggestion(value, len(typed), meaning)
        for value in dict.fromkeys(known)
        if value.lower().startswith(typed.lower())
    ]
