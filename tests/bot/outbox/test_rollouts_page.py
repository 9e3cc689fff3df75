"""docs/rollouts.md: its words can be said, and its one file does what the page says of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from baton.bus.messages import State
from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from bot.builtins.rollout import RolloutCommand
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.words import ROLLOUT, read_said
from bot.dispatch.reply import ReplyKind
from bot.dispatch.thread_words import thread_words
from bot.rollout.settings import RolloutSettings
from bot.settings import load_bot
from commands.deploy import Deploy
from tests.bot.outbox.rolling_world import World
from tests.bot.outbox.test_holding import BEA, leads
from tests.bot.world import Stage

PAGE = (Path(__file__).parents[3] / "docs" / "rollouts.md").read_text()
COMMANDS = commands_of(Commands([Extension(Deploy)]))
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in PAGE.splitlines() if "|" in row]
OPTIONS = [(row[0], row[1]) for row in ROWS if row[0].startswith("`--")]
SAID = [(row[0].strip("`"), row[1].strip("`")) for row in ROWS if row[1].startswith("`/")]
THURSDAY, FRIDAY = datetime(2026, 11, 26, 14, tzinfo=UTC), datetime(2026, 11, 27, 14, tzinfo=UTC)


def test_every_word_of_an_ask_is_on_the_page() -> None:
    """Each option is a row, and means the setting beside it."""
    named = {word.split()[0].split("=")[0] for cell, _ in OPTIONS for word in _codes(cell)}
    assert named == set(ROLLOUT)
    for cell, beside in OPTIONS:
        for word, setting in zip(_codes(cell), _settings(beside), strict=True):
            said = read_said(f"deploy shop prod {word}", COMMANDS)
            assert said.rollout == setting, word


def test_its_first_example_is_read() -> None:
    """All of it at once."""
    (words,) = re.findall(r"```\n(/deploy .*?)\n```", PAGE)
    rollout = read_said(words, COMMANDS).rollout
    assert rollout is not None
    assert (rollout.canary, str(rollout.wave), rollout.max_failed) == (1, "25 %", 1)
    assert (rollout.pause, rollout.back) == ("first", True)


@pytest.mark.parametrize(("word", "command"), SAID)
def test_what_can_be_said_is_understood(word: str, command: str) -> None:
    """In the thread, and as a command from anywhere: both are the same."""
    said = thread_words(word)
    assert said is not None
    asked = COMMANDS.parse(said.about("7k2m"))
    assert asked == COMMANDS.parse(command.removeprefix("/"))
    if isinstance(asked, RolloutCommand):
        assert asked.word.value in RolloutCommand.help()


async def test_one_file_says_it_all(stage: Stage, tmp_path: Path) -> None:
    """Not on Friday afternoon; one other person of @leads; one canary, then quarters, back by
    itself. Whoever asks reads why not, at each point on that way."""
    (file,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "baton.toml").write_text(file)
    settings = load_bot(tmp_path / "baton.toml", {})
    world = World(stage)
    world.clock.at = FRIDAY
    freezes = FreezesInForce(settings.freeze, clock=world.clock)
    await world.begin(*settings.gate, freezes=freezes)
    refused = await world.says("ship shop prod")
    assert refused.kind is ReplyKind.REFUSED
    assert "no Friday afternoons" in refused.text
    why: Any = (await world.says("ship shop prod --why")).answer
    assert "waves of 1, 1, 1 and 1; it goes back by itself" in str(why)
    await world.at(THURSDAY)
    asked = await world.says("ship shop prod")
    assert world.started == set()
    assert "@leads may approve it (1 needed)" in (await world.says(f"approve {asked.job}")).text
    await world.says(f"approve {asked.job}", BEA, leads)
    await world.begun("web-1")
    await world.ends("web-1")
    await world.begun("web-1", "web-2")
    await world.ends("web-2", state=State.FAILED, text="exit code 1")
    undone_by = (await world.over(asked.job)).undone_by
    assert set(await stage.states(undone_by)) == {"web-1"}
    assert world.started == {"web-1", "web-2"}


def _codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _settings(cell: str) -> list[RolloutSettings]:
    """What the code in a cell sets: `pause = "first"`, `"each"` are two."""
    found = []
    for code in _codes(cell):
        key, _, value = code.rpartition(" = ")
        name = key or "pause"
        read = {"true": True}.get(value, value.strip('"'))
        found.append(RolloutSettings.model_validate({name: read}))
    return found
