"""What Tab offers: commands, then values that make sense there, then options."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from baton.extensions import installed
from bot.alerting.commands.command import ACTIONS as OF_ALERTS
from bot.app.dispatching import commands_of
from bot.dispatch.suggestions import suggestions
from bot.schedules.reading import ACTIONS as OF_SCHEDULES

COMMANDS = commands_of(installed())
VALUES = {
    "app": lambda: ["billing", "shop"],
    "environment": lambda: ["prod", "staging"],
    "host": lambda: ["web-1", "web-2"],
    "ref": lambda: ["v1", "v2"],
    "job": lambda: ["7k2m9x"],
    "command": lambda: ["deploy", "ping"],
}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/d", ["/dead", "/deny", "/deploy"]),
        ("pi", ["/ping"]),
        ("/q", ["/quit"]),
        ("/deploy ", ["billing", "shop"]),
        ("/deploy s", ["shop"]),
        ("/deploy S", ["shop"]),
        ("/baton deploy s", ["shop"]),
        ("  /deploy s", ["shop"]),
        ("/deploy shop ", ["prod", "staging"]),
        ("/deploy shop prod ", ["--ref", "--host"]),
        ("/deploy shop prod --r", ["--ref"]),
        ("/deploy shop prod --c", ["--canary"]),
        ("/deploy shop prod --p", ["--pause"]),
        ("/deploy shop prod --canary ", []),
        ("/deploy shop --canary 1 ", ["prod", "staging"]),
        ("/deploy --pause s", ["shop"]),
        ("/ping prod --c", []),
        ("/deploy shop prod --ref ", ["v1", "v2"]),
        ("/deploy shop prod --ref v2 ", ["--host"]),
        ("/deploy shop prod --ref=v", ["v1", "v2"]),
        ("/deploy shop prod ref=v", ["v1", "v2"]),
        ("/deploy --ref v2 s", ["shop"]),
        ("/deploy --ref v2 shop ", ["prod", "staging"]),
        ("/ping prod ", ["web-1", "web-2"]),
        ("/log ", ["7k2m9x"]),
        ("/help d", ["deploy"]),
        ("/alerts s", ["silence", "silences"]),
        ("/alerts why w", []),
        ("/schedule r", ["run", "resume", "remove"]),
        ("/nothing ", []),
        ("/deploy shop prod x", []),
    ],
)
def test_offers(typed: str, offered: list[str]) -> None:
    """What is offered follows from the command's own fields and from what the bot has heard."""
    found = suggestions(typed, COMMANDS, VALUES, {"quit": "Leave."})
    assert [suggestion.text for suggestion in found] == offered


def test_all_commands_at_first() -> None:
    """With nothing typed every command is offered, with what it does."""
    found = suggestions("", COMMANDS, VALUES, {"quit": "Leave."})
    assert {suggestion.text for suggestion in found} == {f"/{name}" for name in COMMANDS} | {
        "/quit"
    }
    assert all(suggestion.meaning for suggestion in found)


def test_replaces_what_is_typed_of_the_word() -> None:
    """A value replaces what is typed of it, not the option before the equals sign."""
    (found,) = suggestions("/deploy shop prod ref=v2", COMMANDS, VALUES, {})
    assert (found.text, found.replaces) == ("v2", 2)


@pytest.mark.parametrize(
    ("command", "actions"), [("alerts", OF_ALERTS), ("schedule", OF_SCHEDULES)]
)
def test_each_word_of_a_command_is_offered(command: str, actions: Mapping[str, object]) -> None:
    """What can be said after /alerts and /schedule is found by Tab."""
    offered = suggestions(f"/{command} ", COMMANDS, VALUES, {})
    assert {*actions} <= {suggestion.text for suggestion in offered}
