"""`baton manifest`: the checked-in manifest, with the commands of others that are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from baton.command import Command
from baton.extensions import installed
from baton.fields import Name
from bot.cli import app
from bot.cli.manifest import MOST, with_commands
from tests.support.distributions import distribution

TEXT = (Path(__file__).parents[3] / "manifest.yml").read_text()


def named(name: str, summary: str = "Does it.") -> type[Command]:
    annotations = {"environment": Name}
    body = {"__doc__": summary, "name": name, "__annotations__": annotations}
    return type("Named", (Command,), {"__module__": __name__, **body})


def slashes(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text)["features"]["slash_commands"]
    return found


def test_with_nothing_else_installed_it_is_the_checked_in_one() -> None:
    """To the letter."""
    done = CliRunner().invoke(app, ["manifest"])
    assert done.exit_code == 0
    assert done.stdout == TEXT
    assert done.stderr == ""


def test_an_installed_command_has_its_slash_command(site: Path) -> None:
    """With its own usage and summary."""
    (site / "acme_slash.py").write_text(
        "from baton import Command, Extension, Name\n"
        "class Slash(Command):\n"
        '    """Look: "this" # works."""\n'
        "    name = 'slash-it'\n"
        "    environment: Name\n"
        "extension = Extension(Slash)\n"
    )
    distribution(site, "acme-slash", "1.0", "slash-it = acme_slash:extension")
    done = CliRunner().invoke(app, ["manifest"])
    entries = {entry["command"]: entry for entry in slashes(done.stdout)}
    assert entries["/slash-it"] == {
        "command": "/slash-it",
        "description": 'Look: "this" # works.',
        "usage_hint": "ENVIRONMENT",
        "should_escape": True,
    }
    rest = {**yaml.safe_load(done.stdout), "features": {}}
    assert rest == {**yaml.safe_load(TEXT), "features": {}}


def test_slack_takes_fifty() -> None:
    """/baton and ours first; the rest by name, and what is left is named."""
    ours = [extension.command for extension in installed().values()]
    text, left_out = with_commands(TEXT, [*ours, *(named(f"c{at:02}") for at in range(60))])
    names = [one["command"] for one in slashes(text)]
    assert len(names) == MOST
    assert names[0] == "/baton"
    assert {one["command"] for one in slashes(TEXT)} <= set(names)
    assert left_out == [f"c{at:02}" for at in range(60) if f"/c{at:02}" not in names]
    assert len(left_out) == 60 + len(slashes(TEXT)) - MOST


@pytest.mark.parametrize("name", ["Disk", "d" * 32])
def test_a_name_that_slack_does_not_take(name: str) -> None:
    """It is asked as /baton NAME."""
    assert with_commands(TEXT, [named(name)]) == (TEXT, [name])


def test_a_summary_of_any_text() -> None:
    """It is one value of YAML, of a length that Slack takes."""
    text, _ = with_commands(TEXT, [named("odd", "\u202e: - {x}\t“é” \\n" + "x" * 3000)])
    (odd,) = [one for one in slashes(text) if one["command"] == "/odd"]
    assert len(odd["description"]) == 2000
    assert "“é” \\n" in odd["description"]
