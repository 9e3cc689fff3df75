"""docs/operations.md: the commands about signatures run, and its settings are settings."""

from __future__ import annotations

import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton.agent.settings import AgentSettings
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.public_key import PublicKey
from bot.cli import app
from bot.settings import BotSettings

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()


def blocks(kind: str) -> list[str]:
    """The blocks of this kind on the page."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def commands(name: str) -> list[list[str]]:
    """The words of each `baton NAME` on the page, without `baton`."""
    lines = [line for text in blocks("sh") for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"baton {name} ")]


def test_the_command_makes_a_key_and_prints_the_line_that_agents_hold(tmp_path: Path) -> None:
    """A file of 0600 that a bot signs with; `--show` prints the line again, and nothing is
    overwritten."""
    ((_, file, *options),) = commands("key")
    path = tmp_path / Path(file).name
    made = CliRunner().invoke(app, ["key", str(path), *options])
    assert made.exit_code == 0, made.output
    public = PublicKey.parse(made.stdout.splitlines()[0])
    assert public.name == "bot"
    assert path.stat().st_mode & 0o777 == 0o600
    assert PrivateKey.load(path, {}).public.raw == public.raw
    again = CliRunner().invoke(app, ["key", str(path), "--show", *options])
    assert again.stdout.splitlines()[0] == public.line
    assert CliRunner().invoke(app, ["key", str(path)]).exit_code != 0


def test_its_settings_are_read() -> None:
    """As they stand there."""
    agents = [AgentSettings.model_validate(tomllib.loads(text)) for text in blocks("toml agent")]
    assert [one.signing.mode.value for one in agents] == ["warn", "off"]
    (rule,) = agents[1].allow.approve
    assert (rule.need, [key.name for key in rule.of]) == (2, ["bea", "cem"])
    bots = [BotSettings.model_validate(tomllib.loads(text)) for text in blocks("toml bot")]
    assert bots[0].signing.key == Path("/etc/baton/bot.key")
    assert bots[1].signing.agents["web-1.example.com"].name == "web-1"


@pytest.mark.parametrize("words", commands("approve"), ids=" ".join)
def test_its_approvals_are_commands(words: list[str]) -> None:
    """With options that exist: what is missing here is a console."""
    done = CliRunner().invoke(app, words, env={"BATON_URL": "", "BATON_TOKEN": "", "HOME": "/none"})
    assert done.exit_code != 0
    assert "No such option" not in done.output
