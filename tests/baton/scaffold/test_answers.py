"""The names that a new package may have: each that would not work is refused with a reason."""

from __future__ import annotations

import pytest

from baton.scaffold.answers import Answers, NameRefused, checked
from bot.app.dispatching import ANSWERED_HERE
from bot.cli.new import BUILTINS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "lower-case letters"),
        ("Acme", "lower-case letters"),
        ("9lives", "lower-case letters"),
        ("acme disk", "lower-case letters"),
        ("acme--disk", "lower-case letters"),
        ("../acme", "lower-case letters"),
        ("acme\n", "lower-case letters"),
        ("a" * 33, "32 at most"),
        ("baton", "Baton's own"),
        ("commands", "Baton's own"),
        ("baton-chatops", "Baton's own"),
        ("class", "a word of Python's"),
        ("match", "a word of Python's"),
        ("json", "Python has a module"),
        ("tests", "its own files or tools"),
        ("yaml", "PyYAML installs a package yaml here"),
    ],
)
def test_a_name_that_would_not_work(name: str, said: str) -> None:
    """Python, pip or Baton would take it for something else."""
    with pytest.raises(NameRefused, match=said) as raised:
        checked(Answers(name, "acme", 2026), (), {"yaml": "PyYAML"})
    assert "Nothing was written" in str(raised.value)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("Disk", "lower-case letters"),
        ("disk usage", "lower-case letters"),
        ("deploy", "has a command of that name"),
        ("x" * 33, "32 at most"),
    ],
)
def test_a_command_that_would_not_work(command: str, said: str) -> None:
    """Chat would take it for another one, or not at all."""
    with pytest.raises(NameRefused, match=said) as raised:
        checked(Answers("acme", command, 2026), {"deploy"}, {})
    assert "--command" in str(raised.value)


def test_what_follows_from_the_names() -> None:
    """A class never has the name of another one that its module uses."""
    answers = checked(Answers("acme-disk", "disk-usage", 2026), (), {})
    assert (answers.package, answers.type_name) == ("acme_disk", "DiskUsage")
    for command in ("run", "none", "command", "exception", "field", "monitor"):
        name = Answers("acme", command, 2026).type_name
        assert name == f"{command.capitalize()}Command"


def test_every_command_of_a_bot_is_known_without_its_packages() -> None:
    """Whoever makes a package on a machine without a bot reads the same."""
    assert {extension.command.name for extension in ANSWERED_HERE} <= BUILTINS
