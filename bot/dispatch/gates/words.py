"""What may be said beside the words of a command that changes servers: `--why`, `--break-glass
"reason"`, and how it goes through its servers, such as `--canary 1 --wave 25%`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import fields_of
from baton.text.words import cited, joined, split
from bot.dispatch.builtin import BuiltinCommand
from bot.dispatch.gates.holding import undo_of
from bot.rollout.settings import RolloutSettings

WHY = "--why"
BREAK_GLASS = "--break-glass"
MAX_REASON = 500
"""Characters of a reason."""
_FLAGS = {"--pause": "first", "--back": True}
"""What is said of a rollout in one word, and what it means."""
_VALUES = {
    "--canary": "a number of servers, such as 1",
    "--wave": "a number of servers such as 3, or a percentage such as 25%",
    "--max-unavailable": "a number of servers such as 3, or a percentage such as 25%",
    "--max-failed": "a number of servers, such as 1",
    "--healthy-for": "a time, such as 2m",
}
"""What is said of a rollout in two words, and what the second has to be."""
ROLLOUT = (*_VALUES, *_FLAGS)
"""Everything that is said of a rollout."""
_BESIDE = frozenset({WHY, BREAK_GLASS, *ROLLOUT})


@dataclass(frozen=True, slots=True)
class Said:
    """The `words` of a command. `why`: whoever typed them wants to know what stands in its way.
    `break_glass` is their reason to pass a freeze; empty if they gave none. `rollout` is how they
    want it to go through its servers; None if they did not say."""

    words: str
    why: bool = False
    break_glass: str = ""
    rollout: RolloutSettings | None = None


@dataclass(slots=True)
class _Apart:
    """The words of a command, and what was said beside them."""

    rest: list[str] = field(default_factory=list)
    why: bool = False
    reason: str | None = None
    rollout: dict[str, object] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        return not self.why and self.reason is None and not self.rollout


def read_said(text: str, commands: Commands) -> Said:
    """Return what `text` says: as it is, unless something stands in it that is said beside a
    command, and it asks for something that may start a job.

    Raises UsageError if there is no reason to break the glass, if the rollout cannot be, or if the
    rest cannot be followed.
    """
    if not any(word[2:] in text for word in _BESIDE):
        return Said(text)
    try:
        words = split(text)
    except UsageError:
        return Said(text)
    found = _apart(words, _own_options(words, commands))
    if found.nothing:
        return Said(text)
    rest = found.rest
    try:
        command = commands.from_words(rest) if rest else None
    except UsageError:
        if _name(rest) in commands and not _may_start(commands[_name(rest)].command):
            return Said(text)
        raise
    if command is None or not _may_start(type(command)):
        return Said(text)
    reason = "" if found.reason is None else _checked(found.reason)
    return Said(joined(rest), found.why, reason, _rollout(found.rollout, command))


def option_of(name: str) -> str:
    """Return the option that says the field `name` of a rollout: `--max-failed`."""
    return f"--{name.replace('_', '-')}"


def without_rollout(text: str, commands: Commands) -> tuple[str, Mapping[str, str]]:
    """Return `text` without what it says of a rollout, and that by the name of each field, as it
    was typed; as it is if it says nothing of one, or names no command that may start a job.

    Raises UsageError if a value is missing.
    """
    try:
        words = split(text)
    except UsageError:
        return text, {}
    known = commands.get(_name(words)) if words else None
    found = _apart(words, _own_options(words, commands), frozenset(ROLLOUT))
    if known is None or not _may_start(known.command) or not found.rollout:
        return text, {}
    said = {option[2:].replace("-", "_"): value for option, value in found.rollout.items()}
    for name, value in said.items():
        if not value:
            raise _invalid(name, "")
    rest = joined(found.rest)
    slash = "/" if words[0].startswith("/") and not rest.startswith("/") else ""
    return slash + rest, {k: "yes" if value is True else str(value) for k, value in said.items()}


def _apart(words: list[str], own: Collection[str], beside: Collection[str] = _BESIDE) -> _Apart:
    """Return `words` without what is said `beside` them. What is one of the command's `own` options
    is said to the command."""
    found = _Apart()
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name in own or name not in beside or (equals and name == WHY):
            found.rest.append(word)
        elif name == WHY:
            found.why = True
        elif name in _FLAGS:
            found.rollout[name] = value if equals else _FLAGS[name]
        else:
            value = value if equals else next(left, "")
            if name == BREAK_GLASS:
                found.reason = value
            else:
                found.rollout[name] = value
    return found


def _own_options(words: list[str], commands: Commands) -> set[str]:
    """Return the options of the command that `words` begin with."""
    known = commands.get(_name(words)) if words else None
    return set() if known is None else {spec.option for spec in fields_of(known.command)}


def _rollout(said: dict[str, object], command: Command) -> RolloutSettings | None:
    """Return how `command` is to go through its servers; None if nothing was said of it. Raises
    UsageError."""
    if not said:
        return None
    first = next(iter(said))
    if command.reach is not Reach.EACH and not isinstance(command, BuiltinCommand):
        raise UsageError(
            f"/{command.name} is not sent to each server by itself, so it cannot go in waves. "
            f"Leave out {first}. Nothing was done."
        )
    if "--back" in said and not isinstance(command, BuiltinCommand) and not undo_of(command):
        raise UsageError(
            f"/{command.name} cannot be taken back. Leave out --back. Nothing was done."
        )
    values = {option[2:].replace("-", "_"): value for option, value in said.items()}
    try:
        return RolloutSettings.model_validate(values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
    raise _invalid(name, str(values[name]))


def _invalid(name: str, value: str) -> UsageError:
    option = option_of(name)
    must = _VALUES.get(option, "first or each" if name == "pause" else "alone, without a value")
    given = f"invalid value {cited(value)}" if value else "a value is missing"
    return UsageError(f"{option}: {given}: it must be {must}. Nothing was done.", field=name)


def _may_start(command: type[Command]) -> bool:
    if command.verbatim:
        return False
    if command.reach is Reach.HERE:
        return issubclass(command, BuiltinCommand) and command.starts_jobs
    return command.changes


def _name(words: list[str]) -> str:
    return words[0].removeprefix("/").lower()


def _checked(reason: str) -> str:
    """Return `reason`. Raises UsageError if it is none, or too long."""
    reason = reason.strip()
    if not reason or reason.startswith("--"):
        raise UsageError(
            f"Write the reason after {BREAK_GLASS}, in quotes. Nothing was done.",
            f'Example: /deploy shop prod {BREAK_GLASS} "checkout is down"',
            "break_glass",
        )
    if len(reason) > MAX_REASON:
        raise UsageError(f"The reason is too long: {MAX_REASON} characters at most.")
    return reason
