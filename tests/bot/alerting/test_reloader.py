"""alerts.toml, read again: what will not do is refused, and what was in force stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import bot.alerting.reloader
from alerts import load_alerts
from bot.app.bot import Bot
from bot.app.with_alerts import AlertsConfig
from bot.dispatch.policy import EnvironmentTable, Policy
from bot.doctor.bot_checks import alerts_file
from bot.doctor.check_result import Mark
from bot.store import Store
from tests.bot.alerting.world import CHANNEL, Watchers, quick
from tests.bot.world import Stage, wanted
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bot.alerting.reloader, "FOLLOW_INTERVAL", 0.02)
    with quick(monkeypatch):
        yield


class Reader(Watchers):
    """Watchers whose bots read a file of their own."""

    def __init__(self, stage: Stage, file: Path) -> None:
        super().__init__(stage)
        self.file = file
        file.write_text(f'channel = "{CHANNEL}"\ngroup_wait = "30s"\n')

    def alerts(self) -> AlertsConfig:
        return wanted(
            load_alerts(self.file),
            self.front.name,
            file=self.file,
            steady=self.clock.steady,
        )


def channel_of(made: Bot) -> str:
    assert made.alert_runner is not None
    if made.alert_runner.engine is not None:
        assert made.alert_runner.engine.settings is made.alert_runner.settings
    return made.alert_runner.settings.channel


BAD = 'channel = "C_NEW"\n\n[flapping]\nhigh = "often"\n'


async def test_read_again(stage: Stage, tmp_path: Path) -> None:
    """A good file is gone by at once; of a bad one the log says file, line and reason."""
    world = Reader(stage, tmp_path / "alerts.toml")
    made = await world.bot()
    reloading = made.alert_reloader
    assert reloading is not None
    world.file.write_text(BAD)
    with capture_logs() as logs:
        assert reloading.reload_or_log() != ""
    (entry,) = [one for one in logs if one["log_level"] == "error"]
    assert entry["event"] == "alerts not reloaded: the settings stay as they were"
    assert f"{world.file}, line 4" in entry["reason"]
    assert channel_of(made) == CHANNEL
    world.file.write_text('channel = "C_NEW"\n')
    assert reloading.reload_or_log() == ""
    assert channel_of(made) == "C_NEW"


async def test_whoever_asks_hears_what_came_of_it(stage: Stage, tmp_path: Path) -> None:
    """/alerts reload: of a bad file its line and the reason, and all stays; a good one is gone by
    at once, and what is in it is said, so that it can be seen to be the right one."""
    world = Reader(stage, tmp_path / "alerts.toml")
    made = await world.bot()
    world.file.write_text(BAD)
    reply = await stage.ask(made, "/alerts reload")
    assert not reply.ok
    assert f"{world.file}, line 4" in reply.text
    assert "The settings in force have not changed." in reply.text
    assert channel_of(made) == CHANNEL
    world.file.write_text('channel = "C_NEW"\n[[checkin]]\nname = "backup"\nevery = "1h"\n')
    reply = await stage.ask(made, "/alerts reload")
    assert reply.ok
    assert reply.text == (f"Reloaded {world.file}: notifications go to C_NEW, 1 check-in.")
    assert channel_of(made) == "C_NEW"


async def test_who_may_not_change_what_is_told(stage: Stage, tmp_path: Path) -> None:
    """It changes what is told of every environment: only whom a rule allows in all of them may."""
    world = Reader(stage, tmp_path / "alerts.toml")
    policy = Policy((), {"prod": EnvironmentTable(protected=True)})
    made = await world.bot(policy=policy)
    await world.agent(made, "web-1")
    world.file.write_text('channel = "C_NEW"\n')
    reply = await stage.ask(made, "/alerts reload")
    assert not reply.ok
    assert 'commands = ["alerts"]' in reply.text
    assert channel_of(made) == CHANNEL


async def test_every_bot_reads_its_own(stage: Stage, store: Store, tmp_path: Path) -> None:
    """Whichever is asked, the one that leads goes by its file too, and the reply says so."""
    world = Reader(stage, tmp_path / "leads.toml")
    first = await world.bot()
    other = Reader(stage, tmp_path / "other.toml")
    second = await stage.bot(alerts=other.alerts())
    for file in (world.file, other.file):
        file.write_text('channel = "C_NEW"\n')
    reply = await stage.ask(second, "/alerts reload")
    assert reply.text.endswith("The other bots reloaded too.")
    assert reply.ok
    assert channel_of(first) == channel_of(second) == "C_NEW"
    world.file.write_text(BAD)
    other.file.write_text('channel = "C_NEWER"\n')
    reply = await stage.ask(second, "/alerts reload")
    assert not reply.ok
    assert f"{world.file}, line 4" in reply.text
    assert "(the leader)" in reply.text
    assert (channel_of(first), channel_of(second)) == ("C_NEW", "C_NEWER")
    # and one that is asked and leads does not wait for the others, who hear of it all the same
    for file in (world.file, other.file):
        file.write_text('channel = "C_LAST"\n')
    assert (await stage.ask(first, "/alerts reload")).ok
    await until(lambda: channel_of(second) == "C_LAST")


async def test_one_that_leads_and_does_not_answer_is_named(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks waits a moment for it, and then reads that it is not known."""
    monkeypatch.setattr(bot.alerting.reloader, "ANSWER_TIMEOUT", 0.1)
    world = Reader(stage, tmp_path / "alerts.toml")
    first = await stage.bot()
    await until(lambda: first.leader.leading)
    second = await stage.bot(alerts=world.alerts())
    reply = await stage.ask(second, "/alerts reload")
    assert "has not confirmed yet" in reply.text


async def test_without_a_file(stage: Stage) -> None:
    """The demo's alerts are built in: there is nothing to read."""
    made = await Watchers(stage).bot()
    for words in ("reload", "replay"):
        reply = await stage.ask(made, f"/alerts {words}")
        assert not reply.ok
        assert "no alerts.toml" in reply.text


def test_the_doctor_reads_it(tmp_path: Path) -> None:
    """Before the bot is started, `baton doctor` says whether the file will do."""
    file = tmp_path / "alerts.toml"
    file.write_text('channel = "C_NEW"\n')
    assert alerts_file(file)[0].mark is Mark.OK
    file.write_text("channel = 3\n")
    found, _ = alerts_file(file)
    assert found.mark is Mark.FAIL
    assert "line 1" in found.text
