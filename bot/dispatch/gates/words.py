"""What may be said beside the words of a command that changes servers: `--why`, and `--break-glass
"reason"`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import fields_of
from baton.text.words import joined, split
from bot.dispatch.builtin import BuiltinCommand

WHY = "--why"
BREAK_GLASS = "--break-glass"
MAX_REASON = 500
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Said:
    """The `words` of a command. `why`: whoever typed them wants to know what stands in its way.
    `break_glass` is their reason to pass a freeze; empty if they gave none."""

    words: str
    why: bool = False
    break_glass: str = ""


def read_said(text: str, commands: Commands) -> Said:
    """Return what `text` says: as it is, unless `--why` or `--break-glass` stands in it and it asks
    for something that may start a job.

    Raises UsageError if there is no reason to break the glass, or if the rest cannot be followed.
    """
    if "-why" not in text and "-break-glass" not in text:
        return Said(text)
    try:
        words = split(text)
    except UsageError:
        return Said(text)
    rest, why, reason = _apart(words)
    if not why and reason is None:
        return Said(text)
    try:
        command = commands.from_words(rest) if rest else None
    except UsageError:
        if _name(rest) in commands and not _may_start(commands[_name(rest)].command):
            return Said(text)
        raise
    if command is None or not _may_start(type(command)):
        return Said(text)
    return Said(joined(rest), why, "" if reason is None else _checked(reason))


def _apart(words: list[str]) -> tuple[list[str], bool, str | None]:
    """Return `words` without what is said beside them: whether `--why` was, and the reason after
    `--break-glass`, None if that was not said."""
    rest: list[str] = []
    why, reason = False, None
    left = iter(words)
    for word in left:
        if word == WHY:
            why = True
        elif word == BREAK_GLASS:
            reason = next(left, "")
        elif word.startswith(f"{BREAK_GLASS}="):
            reason = word.partition("=")[2]
        else:
            rest.append(word)
    return rest, why, reason


def _may_start(command: type[Command]) -> bool:
    own = {spec.option for spec in fields_of(command)}
    if command.verbatim or own & {WHY, BREAK_GLASS}:
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
