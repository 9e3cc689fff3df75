"""docs/gates.md: its settings can be read, and its words asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from bot.builtins.locking.lock import LockCommand
from bot.builtins.locking.words import parse_lock
from bot.dispatch.gates.freezing.freeze_file import read_freezes
from bot.dispatch.gates.freezing.windows import frozen_until
from bot.dispatch.gates.words import read_said
from bot.settings import load_bot
from commands.deploy import Deploy
from tests.bot.dispatch.gates.freezing.test_freeze_file import HOLIDAYS

PAGE = (Path(__file__).parents[1] / "docs" / "gates.md").read_text()
COMMANDS = commands_of(Commands([Extension(Deploy)]))
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
WORDS = [
    line for text in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) for line in text.splitlines()
]


@pytest.mark.parametrize("words", WORDS)
def test_its_words_can_be_asked(words: str) -> None:
    """Each line is a command, with what may stand beside it."""
    command = COMMANDS.parse(read_said(words, COMMANDS).words)
    if isinstance(command, LockCommand):
        assert parse_lock(command.words, NOW, ZoneInfo("UTC")).scope.environment == "prod"


def test_its_freezes_can_be_read(tmp_path: Path) -> None:
    """The weekly one, the one with dates, and the calendar."""
    (settings,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    calendar = tmp_path / "holidays.ics"
    calendar.write_text(HOLIDAYS)
    file = tmp_path / "baton.toml"
    file.write_text(settings.replace("holidays.ics", str(calendar)))
    freezes = read_freezes(load_bot(file, {}).freeze, NOW)
    assert [one.name for one in freezes] == [
        "no Friday afternoons",
        "the end of the year",
        "holidays",
    ]
    friday = datetime(2026, 11, 27, 14, tzinfo=UTC)
    assert frozen_until(freezes, "prod", "shop", friday) == datetime(2026, 11, 28, tzinfo=UTC)
