"""docs/first-command.md: each of its blocks is run, and at the end the command is in /help."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tomllib
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.extensions import installed_rules
from baton.extensions import installed
from bot.cli import app
from tests.first_command import blocks, files, follow, of
from tests.support.distributions import distribution

LANGUAGES = {"sh", "python", "chat", "toml", "rabbitmq", "pyproject", ""}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What the reader has at the end."""
    folder = tmp_path / "acme-uptime"
    follow(folder)
    return folder


def install(made: Path, site: Path) -> None:
    """What pip does with its entry points."""
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    distribution(site, project["name"], project["version"], *lines[1:], group=lines[0][1:-1])


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """The one without a language starts the monitor, whose name is that of its script."""
    assert {block.language for block in blocks()} == LANGUAGES
    (start,) = of("")
    assert start.text.split()[-1] == "acme-uptime-monitor"


def test_each_command_in_a_shell_is_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`baton ...` is run as it stands, but for the demo; `make ...` names targets of the package.
    tests/install runs them all in a shell."""
    targets = re.findall(r"^([a-z]+):", (made / "Makefile").read_text(), re.M)
    (tmp_path / "empty").mkdir()
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
    monkeypatch.chdir(tmp_path / "empty")
    for line in "".join(block.text for block in of("sh")).splitlines():
        program, *words = shlex.split(line)
        if program.endswith("make"):
            assert set(words) <= set(targets), line
        elif program == "cd":
            monkeypatch.chdir(words[0])
        elif program == "git":
            subprocess.run([program, *words], check=True, capture_output=True)
        elif program.endswith("baton") and words != ["demo"]:
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, (line, done.output, done.exception)
        else:
            assert words in (["demo"], ["install", "."]), line


@pytest.mark.slow
def test_its_files_pass_their_tests_and_are_clean(made: Path) -> None:
    """As its reader runs them: `make test check`."""
    for tool in (
        ("pytest", "-q", "-p", "no:cacheprovider"),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("ruff", "check", "--no-cache", "."),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *tool], cwd=made, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_one_of_the_package_or_new(made: Path) -> None:
    """A block that replaces a file names one that is there."""
    assert set(files()) >= {"src/acme_uptime/command.py", "tests/test_acme_uptime.py"}
    new = {"src/acme_uptime/alerts.py"}
    from baton.scaffold.answers import Answers
    from baton.scaffold.template import render

    assert set(files()) - new <= set(render(Answers("acme-uptime", "uptime", 2026)))


@pytest.mark.slow
async def test_it_answers_in_the_demo(made: Path, tmp_path: Path) -> None:
    """Installed beside Baton it is in /help, and three servers do what it says: the blocks of
    chat, and settings, entry points and rules as the page has them."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "acme_uptime").symlink_to(made / "src" / "acme_uptime")
    install(made, site)
    env = {**os.environ, "PYTHONPATH": str(site), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "baton", "demo"), env=env, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    (chat,) = of("chat")
    async with asyncio.timeout(100):
        said, _ = await process.communicate(f"/help\n{chat.text}".encode())
    text = said.decode()
    assert process.returncode == 0, text
    assert re.search(r"/uptime\b.*\n?.*how long the servers of an environment have run", text)
    assert "Example: uptime prod --longest 90" in text
    assert re.search(r"3 of 3", text), text


def test_its_settings_and_rules_are_valid(
    made: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of agent.toml, and what the entry points name."""
    monkeypatch.syspath_prepend(str(made / "src"))
    install(made, site)
    consumer = installed()["uptime"].consumer
    assert consumer is not None
    (block,) = of("toml")
    settings = consumer.settings_type.model_validate(tomllib.loads(block.text)["uptime"])
    assert settings.model_dump() == {"longest": 90}
    (rules,) = installed_rules()
    assert rules.thing is not None
    assert len(rules.thing.inhibit) == 1
