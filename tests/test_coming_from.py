"""docs/coming-from.md: what it says is here is here."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from baton.agent.settings import AgentSettings
from baton.worker.settings import WorkerSettings
from bot.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text()
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
HERE = " ".join(row[1] for row in ROWS if len(row) == 2)


def test_every_row_has_two_sides() -> None:
    """There and here."""
    assert [row for row in ROWS if len(row) != 2] == []
    assert len(ROWS) > 50


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(baton\.[A-Za-z_.]+)", HERE))))
def test_every_name_of_ours_is_there(name: str) -> None:
    """`baton.Consumer.process_message` is something that one can import; `baton.pong` is a type of
    message."""
    found: Any = import_module("baton")
    from baton.bus.exchanges import EXCHANGES
    from baton.bus.messages import TYPES

    if (
        name in TYPES
        or name in {exchange.name for exchange in EXCHANGES}
        or name == "baton.commands"
    ):
        return
    for part in name.removeprefix("baton.").split("."):
        found = getattr(found, part, None) or import_module(f"baton.{part}")


@pytest.mark.parametrize(
    "words", sorted(set(re.findall(r"`baton ([a-z]+(?: (?:list|new))?)", PAGE)))
)
def test_every_command_is_there(words: str) -> None:
    """What stands there can be typed; `baton ping` is a command of the chat, in a shell."""
    command: Any = get_command(app)
    for word in words.split():
        if command.name == "baton" and word == "ping":
            return
        command = command.get_command(None, word) if hasattr(command, "get_command") else None
        assert command is not None, words


def test_every_table_is_there() -> None:
    """Of the agent's settings, and of a worker's."""
    tables = {*AgentSettings.model_fields, *WorkerSettings.model_fields, "deploy", "rbit", "amqp"}
    named = set(re.findall(r"`\[([a-z]+)[\].]", PAGE)) | set(re.findall(r"`\[([a-z]+):", PAGE))
    assert named - {"runner"} <= tables
