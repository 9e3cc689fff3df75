"""What can be asked, found in installed distributions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Self

import pytest
from structlog.testing import capture_logs

from baton import entry_points as found_points
from baton.consumer import Extension
from baton.entry_points import ExtensionsLeftOut
from baton.errors import ExtensionError, UsageError
from baton.extensions import Commands, installed
from baton.version import baton_version
from tests.baton.stage import Work, Worker
from tests.support.distributions import distribution

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
        ("", "No command was given.\nCommands: work."),
        ("wrok prod", "Unknown command “wrok”. Did you mean work?\nCommands: work."),
        ("xyz", "Unknown command “xyz”.\nCommands: work."),
        ("work", "ENVIRONMENT is missing.\nUsage: /work ENVIRONMENT [HOW]"),
        (
            'work "prod',
            'A quote is not closed. It begins at “"prod”.\nUsage: /work ENVIRONMENT [HOW]',
        ),
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
        ("tests.baton.stage:SERVER", "what it names is not a baton.Extension"),
    ],
)
def test_an_extension_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, said: str
) -> None:
    """Whatever its code does, it is left out and named; what is well beside it is there, and who
    asks for it is told."""
    (tmp_path / "broken_extension.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    point = EntryPoint("theirs", value, "baton.commands")
    well = EntryPoint("ping", "commands.ping:extension", "baton.commands")
    monkeypatch.setattr(found_points, "entry_points", lambda group: [point, well])
    found = installed()
    assert list(found) == ["ping"]
    assert said in found.broken["theirs"]
    with pytest.raises(UsageError, match="theirs” is installed but cannot be used here"):
        found.parse("theirs prod")


class _Loose(Worker):
    settings_type = 5  # type: ignore[assignment]


class _Named(Work):
    name = "Disk Usage"


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        (Extension(_Named, Worker), "'Disk Usage' is not a valid command name"),
        (Extension(Work, _Loose), "its settings_type is not a class derived from"),
        (Extension(Work, Work), "its consumer is not a class"),  # type: ignore[arg-type]
        (Extension(Worker), "its command is not a class"),  # type: ignore[arg-type]
    ],
)
def test_an_extension_that_could_never_work(extension: Extension, said: str) -> None:
    """It is refused where it is taken up, not by a traceback when the agent starts."""
    with pytest.raises(ExtensionError, match=said):
        Commands([extension])


PING = "from commands.ping import extension\n"


def test_a_stranger_with_the_name_of_a_command_of_ours(site: Path) -> None:
    """Ours is used: a package that somebody installs takes over no command. Both are named."""
    (site / "their_ping.py").write_text(PING)
    distribution(site, "acme-net", "1.2", "ping = their_ping:extension")
    with capture_logs() as logs:
        found = installed()
    assert {"deploy", "ping", "servers"} <= set(found)
    assert found["ping"].consumer is not None
    said = found.broken["ping"]
    assert "acme-net 1.2 (their_ping:extension)" in said
    assert f"baton-chatops {baton_version()} (commands.ping:extension)" in said
    assert said.endswith("have a command ping each; Baton's own is used")
    assert [(line["log_level"], line["distribution"]) for line in logs] == [
        ("error", "acme-net 1.2")
    ]


def test_two_strangers_with_one_name(site: Path) -> None:
    """Neither is chosen in silence. The log and whoever asks read which distributions they are; all
    else works."""
    (site / "one_disk.py").write_text(
        "from baton import Command, Extension\n"
        "class Disk(Command):\n    name = 'disk'\n"
        "extension = Extension(Disk)\n"
    )
    (site / "two_disk.py").write_text("from one_disk import extension\n")
    distribution(site, "acme-one", "1.0", "disk = one_disk:extension")
    distribution(site, "acme-two", "2.0", "usage = two_disk:extension")
    found = installed()
    assert "deploy" in found
    assert "disk" not in found
    with pytest.raises(UsageError) as raised:
        found.parse("disk prod")
    assert "acme-one 1.0 (one_disk:extension) and acme-two 2.0 (two_disk:extension)" in str(
        raised.value
    )
    assert "none of them is used: uninstall one" in str(raised.value)


def test_strict_refuses_what_is_left_out_otherwise(site: Path) -> None:
    """Who would rather not start at all than without an extension can say so."""
    distribution(site, "acme-one", "1.0", "disk = nowhere:extension")
    assert "disk" in installed().broken
    with pytest.raises(ExtensionsLeftOut) as raised:
        installed(strict=True)
    assert "the command disk of acme-one 1.0: nowhere:extension does not load" in str(raised.value)
    assert "start without --strict" in str(raised.value)


class _Mute(Work):
    @classmethod
    def help(cls) -> str:
        raise KeyError("width")


def test_an_extension_whose_help_cannot_be_made() -> None:
    """It is left out, or nobody could read the list of all commands."""
    with pytest.raises(ExtensionError, match=r"its help cannot be made \(KeyError"):
        Commands([Extension(_Mute, Worker)])


class _Picky(Work):
    @classmethod
    def from_words(cls, words: str | Sequence[str]) -> Self:
        raise ZeroDivisionError


def test_an_extension_that_cannot_read_its_words() -> None:
    """Who asks for it hears whose fault it is, and that nothing was done."""
    with pytest.raises(UsageError, match=r"itself failed \(ZeroDivisionError\)\. Nothing was done"):
        Commands([Extension(_Picky)]).parse(f"{Work.name} prod")
