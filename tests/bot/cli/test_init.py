"""`baton init`: the files of a new installation can be used as they are written."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts import load_alerts
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.settings import load
from baton.worker.config.loading import load as load_worker
from baton.worker.processors.registry import installed
from bot.cli.init import AGENT, BOT, WORKER, app, template, write
from bot.settings import load_bot

ROOT = Path(__file__).resolve().parents[3]


def test_a_bots_files_are_read_by_the_bot(tmp_path: Path) -> None:
    """Settings and alerts are right as they are written; the tokens are all that is missing."""
    result = CliRunner().invoke(app, ["bot", "--into", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path / "new")) == sorted(BOT)
    settings = load_bot(tmp_path / "new/baton.toml", {})
    assert {key for key, _ in settings.missing()} == {"slack.bot_token", "slack.app_token"}
    assert load_alerts(tmp_path / "new/alerts.toml").channels
    assert "baton doctor --config baton.toml" in result.output


def test_an_agents_files_are_read_by_the_agent(tmp_path: Path) -> None:
    """And the unit starts what README starts, as a user whom the sudoers line names."""
    result = CliRunner().invoke(app, ["agent", "--into", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path)) == sorted(AGENT)
    settings = load(AgentSettings, tmp_path / "agent.toml", AGENT_VARIABLES, {})
    restart = settings.commands["deploy"]["shop"]["restart"]
    unit = (tmp_path / "baton-agent.service").read_text()
    assert "User=deploy\n" in unit
    sudoers = (tmp_path / "baton-agent.sudoers").read_text().splitlines()[-1]
    assert sudoers.startswith("deploy ALL=(root) NOPASSWD: /usr/bin/")
    assert sudoers.endswith(" ".join(restart[1:])), "the line allows what agent.toml runs"


def test_a_workers_files_are_read_by_the_worker(tmp_path: Path) -> None:
    """And its unit starts, checks and reloads the file that the last step copies."""
    result = CliRunner().invoke(app, ["worker", "--into", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path)) == sorted(WORKER)
    loaded = load_worker(tmp_path / "worker.toml", {}, installed())
    assert list(loaded.runners) == ["report"]
    unit = (tmp_path / "baton-worker.service").read_text()
    started = "/opt/baton/bin/baton worker /etc/baton/worker.toml"
    for line in (f"ExecStart={started}\n", f"ExecReload={started} --check\n", "kill -HUP"):
        assert line in unit
    assert "baton worker worker.toml --check" in result.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays, and no other is written beside it."""
    (tmp_path / "baton.toml").write_text("mine")
    result = CliRunner().invoke(app, ["bot", "--into", str(tmp_path)])
    assert result.exit_code != 0
    assert "baton.toml is already in" in str(result.exception)
    assert os.listdir(tmp_path) == ["baton.toml"]
    assert (tmp_path / "baton.toml").read_text() == "mine"


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """The error names it and leaves nothing behind."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["agent", "--into", str(tmp_path / "file" / "below")])
    assert result.exit_code != 0
    assert "Nothing can be written to" in str(result.exception)


@pytest.mark.parametrize("name", sorted({*BOT, *AGENT, *WORKER}))
def test_the_wheel_holds_it(name: str) -> None:
    """An installation without a checkout has the files too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    (source,) = [path for path, to in included.items() if to == f"bot/cli/templates/{name}"]
    assert (ROOT / source).read_text() == template(name)


@pytest.mark.parametrize("name", ["baton-agent.service", "baton-bot.service"])
def test_units_start_what_is_installed(name: str) -> None:
    """The program is where README installs it, and its settings where `baton init` says."""
    (line,) = [row for row in template(name).splitlines() if row.startswith("ExecStart=")]
    program, what, option, file = line.removeprefix("ExecStart=").split()
    assert program == "/opt/baton/bin/baton"
    assert f"python3 -m venv {Path(program).parent.parent}" in (ROOT / "README.md").read_text()
    assert (option, Path(file).parent) == ("--config", Path("/etc/baton"))
    assert what in ("bot", "agent")


def test_write_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before an error is taken away again."""

    def full(path: Path, mode: str = "r", **rest: Any) -> Any:
        if path.name == AGENT[-1]:
            raise OSError(28, "No space left on device")
        return opened(path, mode, **rest)

    opened = Path.open
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(Exception, match="No space left"):
        write(AGENT, tmp_path)
    assert os.listdir(tmp_path) == []
