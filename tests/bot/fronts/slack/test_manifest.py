"""manifest.yml asks Slack for what the bot uses: no less, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from baton.command import Command
from baton.extensions import installed
from bot.alerting.commands.command import AlertsCommand
from bot.builtins.locking.lock import LockCommand
from bot.builtins.locking.unlock import UnlockCommand
from bot.builtins.run import RunCommand
from bot.builtins.versions import VersionsCommand
from bot.builtins.why import WhyCommand
from bot.fronts.slack.listeners.app import is_ours
from bot.fronts.slack.listeners.names import SLASH_COMMANDS
from bot.fronts.slack.web_api import scopes
from bot.scheduler.command import ScheduleCommand

ROOT = Path(__file__).parents[4]
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text("utf-8"))
COMMANDS: list[dict[str, Any]] = MANIFEST["features"]["slash_commands"]
SLACK = ROOT / "bot" / "fronts" / "slack"
OURS: tuple[type[Command], ...] = (
    *(AlertsCommand, LockCommand, RunCommand, ScheduleCommand, UnlockCommand),
    *(VersionsCommand, WhyCommand),
)
"""What the bot answers itself and has a slash command of its own."""


def test_its_slash_commands_are_the_registered_ones() -> None:
    """What people can type is listened to, and what we listen to can be typed."""
    named = [*installed(), *(command.name for command in OURS)]
    typed = {command["command"] for command in COMMANDS}
    assert typed == {"/baton", *(f"/{name}" for name in named)}
    assert all(is_ours(one, named) for one in typed)
    assert not is_ours("/other", named)
    assert set(named) == SLASH_COMMANDS


def test_its_hints_name_the_fields() -> None:
    """The hint that Slack shows is the command's own usage."""
    hints = {command["command"]: command.get("usage_hint", "") for command in COMMANDS}
    commands: list[type[Command]] = [
        *(extension.command for extension in installed().values()),
        *OURS,
    ]
    for command in commands:
        assert hints[f"/{command.name}"] == command.usage().partition(" ")[2]


def test_its_scopes_are_those_that_the_methods_need() -> None:
    """Least privilege."""
    assert frozenset(MANIFEST["oauth_config"]["scopes"]["bot"]) == scopes.SCOPES


def test_it_hears_what_the_bot_listens_to() -> None:
    """Mentions, and direct messages, which people can see and write."""
    events = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert tuple(events) == scopes.EVENTS
    home = MANIFEST["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_every_method_that_is_called_has_its_scopes_written_down() -> None:
    """A new call cannot be added without them."""
    source = "".join(path.read_text("utf-8") for path in SLACK.rglob("*.py"))
    for method in scopes.METHODS:
        if not method.startswith("files."):
            assert source.count(f'"{method}"') >= 2, method


def test_slack_takes_it() -> None:
    """Published limits (docs.slack.dev/reference/app-manifest), and Socket Mode without any URL."""
    information = MANIFEST["display_information"]
    assert len(information["name"]) <= 35
    assert len(information["description"]) <= 140
    assert len(MANIFEST["features"]["bot_user"]["display_name"]) <= 80
    assert 0 < len(COMMANDS) <= 50
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"]["is_enabled"] is True
    assert MANIFEST["_metadata"]["major_version"] == 2
    assert "url" not in str(MANIFEST).lower()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["command"])
def test_each_slash_command_fits(command: dict[str, Any]) -> None:
    """Name, description and hint are within Slack's limits."""
    assert command["command"].startswith("/")
    assert len(command["command"]) <= 32
    assert 0 < len(command["description"]) <= 2000
    assert len(command.get("usage_hint", "")) <= 1000
