"""`baton extensions`: what is installed, whose it is, and why something is not used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from tests.bot.cli.program import WITHOUT_EXTRA, ran
from tests.support.distributions import distribution


@pytest.fixture
def three(site: Path) -> None:
    """A command that works, one that does not load, and rules of alerts."""
    (site / "acme_shown.py").write_text(
        "from baton import Command, Extension\n"
        "class Shown(Command):\n    name = 'shown'\n"
        "extension = Extension(Shown)\n"
        "rules = ''\n"
    )
    distribution(site, "acme-shown", "1.5", "shown = acme_shown:extension")
    distribution(site, "acme-broken", "0.1", "lost = acme_lost:extension")
    distribution(site, "acme-rules", "2.0", "quiet = acme_shown:rules", group="baton.alerts")


@pytest.mark.usefixtures("three")
def test_a_table_for_people() -> None:
    """Each with its package and version; what is not used says why."""
    done = CliRunner().invoke(app, ["extensions"])
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert lines[0] == "kind name package module state"
    assert "command shown acme-shown 1.5 acme_shown:extension loaded" in lines
    assert "alert quiet acme-rules 2.0 acme_shown:rules loaded" in lines
    assert "command lost acme-broken 0.1 acme_lost:extension broken" in lines
    assert lines[-1] == (
        "broken: the command lost of acme-broken 0.1: acme_lost:extension does not load "
        "(ModuleNotFoundError: No module named 'acme_lost')."
    )


@pytest.mark.usefixtures("three")
def test_json_for_programs_and_strict_for_scripts() -> None:
    """The exit code of --strict says whether all are used."""
    done = CliRunner().invoke(app, ["extensions", "--json", "--strict"])
    assert done.exit_code == 1
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["shown"] == {
        "kind": "command",
        "name": "shown",
        "distribution": "acme-shown",
        "version": "1.5",
        "module": "acme_shown:extension",
        "standing": "loaded",
        "reason": "",
    }
    assert found["lost"]["standing"] == "broken"
    assert found["ping"]["distribution"] == "baton-chatops"


def test_ours_alone_are_all_used() -> None:
    """Then --strict has nothing to say."""
    assert CliRunner().invoke(app, ["extensions", "--strict"]).exit_code == 0


@pytest.mark.slow
async def test_without_the_packages_of_a_bot(tmp_path: Path) -> None:
    """On a server: what an agent uses is listed, and a package can be made."""
    code, out, err = await ran("extensions", before=WITHOUT_EXTRA)
    assert (code, err) == (0, "")
    assert "commands.deploy:extension" in out
    folder = str(tmp_path / "acme-disk")
    code, out, err = await ran("new", "acme-disk", folder, "--no-git", before=WITHOUT_EXTRA)
    assert (code, err) == (0, "")
    assert (tmp_path / "acme-disk" / "Makefile").exists()
    code, _, err = await ran("manifest", before=WITHOUT_EXTRA)
    assert code == 2
    assert "needs packages that are not installed" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "group"),
    [
        (("agent",), "baton.commands"),
        (("bot",), "baton.commands"),
        (("worker", "worker.toml", "--check"), "baton.processors"),
    ],
)
async def test_strict_does_not_start(site: Path, words: tuple[str, ...], group: str) -> None:
    """A bot, an agent and a worker end in one line that names the extension and its package."""
    distribution(site, "acme-broken", "0.1", "lost = acme_lost:extension", group=group)
    env = {"BATON_BUS_URL": "memory://x", "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
    env |= {"BATON_ENVIRONMENT": "prod", "BATON_DATABASE_URL": f"sqlite:///{site}/x.db"}
    code, out, err = await ran(*words, "--strict", PYTHONPATH=str(site), **env)
    assert (code, out) == (2, "")
    assert "With --strict nothing starts while an extension cannot be used" in err
    assert "lost of acme-broken 0.1: acme_lost:extension does not load" in err
