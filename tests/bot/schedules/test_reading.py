"""A form reads the words of a schedule as the scheduler does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar

import pytest

from baton.command import Command
from baton.consumer import Extension
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import Positional
from baton.text.words import joined, split
from bot.app.dispatching import commands_of
from bot.dispatch.command_form import apart
from bot.schedules.reading import action_of, read_new
from bot.schedules.scanner import WHEN

NOW = datetime(2026, 11, 24, 6, 50, tzinfo=UTC)


class Note(Command):
    """Write something down."""

    name: ClassVar[str] = "note"
    words: Annotated[tuple[str, ...], Positional] = ()


class Show(Note):
    """Called like something that is done with schedules."""

    name: ClassVar[str] = "show"


COMMANDS = commands_of(Commands([Extension(Note), Extension(Show)]))


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("note every 5m", "note"),
        ("note on call every 5m", "note on call"),
        ("note at 09:00 at 10:00 quiet", "note at 09:00"),
        ("note in the morning weekdays at 9am", "note in the morning"),
        ("show x at 09:00", "show x"),
        ('note "on mon at 9" every 5m', 'note "on mon at 9"'),
    ],
)
def test_there_is_one_reading(words: str, command: str) -> None:
    """Where both the command and the time are right: what a form shows is what will run."""
    read = read_new(COMMANDS, split(words), NOW, "UTC")
    assert joined(read.command) == command
    found, when = apart(COMMANDS, f"/schedule {words}", NOW)
    assert (found, f"{found} {when}") == (command, words)


def test_the_words_of_a_schedule_are_read_once() -> None:
    """Slack sends `&lt;x&gt;` for what was typed as `<x>`: it is no link of Slack's then."""
    typed = "note '&lt;x&gt;' '&amp;lt;' every 5m"
    read = read_new(COMMANDS, split(typed), NOW, "UTC")
    command = COMMANDS.parse(joined(read.command))
    assert isinstance(command, Note)
    assert command.words == ("<x>", "&lt;")
    found, when = apart(COMMANDS, f"/schedule {typed}", NOW)
    assert (COMMANDS.parse(found), when) == (command, "every 5m")


@pytest.mark.parametrize("words", ["show x", "pause at", "list"])
def test_what_is_done_with_a_schedule_is_no_new_one(words: str) -> None:
    """Though there is a command of that name."""
    assert action_of(COMMANDS, split(words)) == words.split()[0]
    text = f"/schedule {words}"
    assert apart(COMMANDS, text, NOW) == (text, "")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("note at 25:00", WHEN),
        ("note every 5m until 2020-01-01", WHEN),
        ("note", WHEN),
        ("every 5m", WHEN),
        ("nothing every 5m", "command"),
    ],
)
def test_an_error_names_what_is_wrong(words: str, field: str) -> None:
    """The time, or the command."""
    with pytest.raises(UsageError) as raised:
        read_new(COMMANDS, split(words), NOW, "UTC")
    assert raised.value.field == field


def test_a_time_that_is_wrong_can_be_corrected_in_its_field() -> None:
    """It is not put into the form of /schedule."""
    assert apart(COMMANDS, "/schedule note x at 25:00", NOW) == ("note x", "at 25:00")
