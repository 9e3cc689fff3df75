"""How a command goes through its servers, as a section of its form: from what people typed beside
it, and back to those words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.fields import FieldSpec, fields_of
from baton.text.words import quoted
from bot.dispatch.command_form import FormField
from bot.dispatch.gates.words import option_of
from bot.schedules.scanner import WHEN

PREFIX = "rollout-"
"""Stands before the name of such a field in a form."""
LINE = "rollout"
"""The name of the section where it is one field."""
LINE_HELP = (
    "Empty: as the rules say, or all servers at once. In waves: --canary 1 --wave 25% --pause "
    "--max-failed 1 --healthy-for 2m --back"
)
MAX_VALUE = 100
BACK, PAUSE = "back", "pause"
FIELDS: Mapping[str, tuple[str, str]] = {
    "canary": ("number", "So many servers are a wave of their own, before all others."),
    "wave": ("text", "How many servers each later wave has: 3, or 25%. Empty: all."),
    "max_unavailable": ("text", "At most so many servers are unavailable at a time: 3, or 25%."),
    "max_failed": ("number", "So many servers may fail. If more do, it stops. Empty: none may."),
    "healthy_for": ("text", "After each wave its servers must be healthy for that long: 2m."),
    PAUSE: ("select", "When a person is asked: after the first wave, or after each."),
    BACK: ("check", "If it stops because the new version is bad, what succeeded is taken back."),
}
"""Each field of that section: how it is filled in, and what it means."""


def rollout_fields(
    command: type[Command], filled: Mapping[str, str], wrong: Mapping[str, str]
) -> list[FormField]:
    """Return the fields of that section, `filled` in so far, with what is `wrong` in which; none
    for a command that does not go to each server by itself. What is an option of the command's own
    is among its own fields."""
    if command.reach is not Reach.EACH or not command.changes:
        return []
    left_out = {spec.option for spec in fields_of(command)}
    if command.undo is Command.undo:
        left_out.add(option_of(BACK))
    return [
        FormField(
            name,
            name.replace("_", " ").capitalize(),
            option_of(name),
            help,
            required=False,
            kind=kind,
            value=filled.get(name, ""),
            options=("first", "each") if name == PAUSE else (),
            wrong=wrong.get(name, ""),
        )
        for name, (kind, help) in FIELDS.items()
        if option_of(name) not in left_out
    ]


def rollout_specs(command: type[Command]) -> list[FieldSpec]:
    """Return the words of that section as options that one types."""
    return [
        FieldSpec(
            name=one.name,
            help=one.help,
            required=False,
            positional=False,
            flag=one.name in (PAUSE, BACK),
            many=False,
            choices=(),
            meant="",
            examples=(),
        )
        for one in rollout_fields(command, {}, {})
    ]


def rollout_filled(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form or a query says of a rollout."""
    said = {name: form.get(f"{PREFIX}{name}", "").strip()[:MAX_VALUE] for name in FIELDS}
    return {name: value for name, value in said.items() if value}


def rollout_words(filled: Mapping[str, str]) -> str:
    """Return the words that say what a form says: `--canary 1 --wave 25%`."""
    words = []
    for name in FIELDS:
        value, option = filled.get(name, ""), option_of(name)
        if value and name == BACK:
            words += [option] if value == "yes" else [f"{option}={quoted(value)}"]
        elif value and name == PAUSE:
            words += [option] if value == "first" else [f"{option}={quoted(value)}"]
        elif value:
            words += [option, quoted(value)]
    return " ".join(words)


def rollout_line(command: type[Command], filled: Mapping[str, str]) -> FormField | None:
    """Return the whole section as one field, in which people type the words; None if there is no
    such section."""
    if not rollout_fields(command, {}, {}):
        return None
    value = rollout_words(filled)
    return FormField(LINE, "Rollout", LINE, LINE_HELP, False, "text", value, ())


def rolled(words: str, beside: str, when: str) -> str:
    """Return the slash command `words` with the words `beside` it that say how it goes through its
    servers. Raises UsageError if it is to run later: only rules say that of a schedule."""
    if beside and when:
        raise UsageError(
            "A schedule goes in waves by a rule ([[gate]] in baton.toml) alone: leave out either "
            "the time, or what stands under Rollout.",
            field=WHEN,
        )
    return f"{words} {beside}".rstrip()
