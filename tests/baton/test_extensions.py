"""What can be asked, found in installed distributions."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from baton import extensions
from baton.consumer import Extension
from baton.errors import ExtensionError, UsageError
from baton.extensions import Commands, installed
from tests.baton.stage import Work, Worker

WORK = Extension(Work, Worker)


def test_ours_are_installed() -> None:
    """Baton's own commands come in by the same door as others'."""
    assert set(installed()) >= {"deploy", "ping", "servers"}


def test_what_is_asked_is_found_by_its_name() -> None:
    """With or without a slash, however it is written."""
    commands = Commands([WORK])
    for text in ("work prod", "/work prod", "/WORK environment=prod"):
        assert commands.parse(text) == Work(environment="prod")
    assert (len(commands), list(commands)) == (1, ["work"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing was asked.\nKnown are work."),
        ("wrok prod", "There is no command “wrok”. Did you mean work?\nKnown are work."),
        ("xyz", "There is no command “xyz”.\nKnown are work."),
        ("work", "ENVIRONMENT is missing.\nUsage: /work ENVIRONMENT [HOW]"),
        ('work "prod', "A quote is opened and not closed."),
    ],
)
def test_what_cannot_be_asked(text: str, said: str) -> None:
    """One message: what was wrong and what is right."""
    with pytest.raises(UsageError) as raised:
        Commands([WORK]).parse(text)
    assert str(raised.value) == said


def test_two_commands_of_one_name() -> None:
    """Neither is chosen in silence."""
    with pytest.raises(ExtensionError, match="work cannot be used: another extension has"):
        Commands([WORK, WORK])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere:extension", "nowhere:extension does not load (ModuleNotFoundError: "),
        ("tests.baton.stage:missing", "does not load (AttributeError: "),
        ("broken_extension", "broken_extension does not load (ZeroDivisionError: "),
        ("tests.baton.stage:SERVER", "tests.baton.stage:SERVER is not a baton.Extension"),
    ],
)
def test_an_extension_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, said: str
) -> None:
    """Whatever its code does, the error says whose it is."""
    (tmp_path / "broken_extension.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    point = EntryPoint("theirs", value, extensions.GROUP)
    monkeypatch.setattr(extensions, "entry_points", lambda group: [point])
    with pytest.raises(ExtensionError) as raised:
        installed()
    assert "The extension theirs cannot be used" in str(raised.value)
    assert said in str(raised.value)
