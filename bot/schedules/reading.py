"""How the words after /schedule are meant: one reading, for the scheduler and for forms. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from baton.errors import UsageError
from baton.extensions import Commands
from baton.text.words import did_you_mean, joined
from bot.schedules.parser import Parse, begins_time, parses
from bot.schedules.scanner import time_error

ACTIONS = ("list", "show", "history", "run", "pause", "resume", "remove")
"""What can be done with the schedules that there are."""


def action_of(commands: Commands, words: Sequence[str]) -> str:
    """Return what `words` ask to do with the schedules that there are; empty if they are a new
    one."""
    word = words[0].lower() if words else ""
    scheduled = word in commands and any(map(begins_time, words[1:]))
    return word if word in ACTIONS and not scheduled else ""


def read_new(commands: Commands, words: Sequence[str], now: datetime, zone: str) -> Parse:
    """Return the way to read `words`, typed at `now` by somebody in `zone`, in which both the
    command and the time are right.

    Raises UsageError: of several faults the first. Its field is WHEN if the time is at fault.
    """
    if not words or begins_time(words[0]):
        raise time_error("Write the command first, then when: /schedule ping prod every 5m.")
    fault: UsageError | None = None
    for reading in parses(words, now, zone):
        if isinstance(reading, UsageError):
            fault = fault or reading
            continue
        try:
            commands.parse(joined(reading.command))
        except UsageError as error:
            fault = fault or error
        else:
            return reading
    known = words[0] in commands
    hint = "" if known else did_you_mean(words[0], [*ACTIONS, *commands])
    raise fault or time_error(
        f"Missing schedule time, such as “every 5m”, after the command.{hint}"
    )
