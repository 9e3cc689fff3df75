"""alerts.toml, read again: what will not do is refused, and what was in force stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.doctor.bot import alerts_file
from bot.doctor.finding import Mark
from bot.serve import _reload
from tests.alerting.world import CHANNEL, Watchers, quick
from tests.bot.world import Stage


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_read_again(stage: Stage, tmp_path: Path) -> None:
    """A good file is gone by at once; of a bad one the log says file, line and reason."""
    world = Watchers(stage)
    made = await world.bot()
    keeper = made.keeper
    assert keeper is not None
    assert keeper.engine is not None
    file = tmp_path / "alerts.toml"
    file.write_text('channel = "C_NEW"\n\n[flapping]\nhigh = "often"\n')
    with capture_logs() as logs:
        _reload(keeper, file)
    (entry,) = [one for one in logs if one["log_level"] == "error"]
    assert entry["event"] == "alerts stay as they were"
    assert f"{file}, line 4" in entry["reason"]
    assert keeper.engine.settings.channel == CHANNEL
    file.write_text('channel = "C_NEW"\n')
    _reload(keeper, file)
    assert keeper.engine.settings.channel == keeper.settings.channel == "C_NEW"


def test_the_doctor_reads_it(tmp_path: Path) -> None:
    """Before the bot is started, `baton doctor` says whether the file will do."""
    file = tmp_path / "alerts.toml"
    file.write_text('channel = "C_NEW"\n')
    assert alerts_file(file)[0].mark is Mark.OK
    file.write_text("channel = 3\n")
    found, _ = alerts_file(file)
    assert found.mark is Mark.FAIL
    assert "line 1" in found.text
