"""What a bot has seen is recorded; `/alerts replay` says what other settings would have told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.alerting.commands.reload
import bot.alerting.recorder
from alerts import HeartbeatSeen, Sample, load_alerts
from alerts.replay import Gap, LinkChange, dump_lines, salvage_lines
from alerts.trial import TrialFailed, trial
from baton.bus.messages import now
from bot.alerting.commands.trial_process import run_trial
from bot.alerting.recorder import append, list_recordings
from bot.app.with_alerts import AlertsConfig
from tests.alerts.harness import START, thing
from tests.bot.alerting.world import CHANNEL, SILENT, WAIT, Watchers, quick, says
from tests.bot.world import Stage, wanted
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bot.alerting.recorder, "WRITE_INTERVAL", 0.01)
    with quick(monkeypatch):
        yield


class Recorder(Watchers):
    """Watchers whose bots record into a folder."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        super().__init__(stage)
        self.file = folder / "alerts.toml"
        self.folder = folder / "recordings"
        self.write("")

    def write(self, more: str, channel: str = CHANNEL) -> None:
        head = f'channel = "{channel}"\ngroup_wait = "30s"\n{more}\n'
        self.file.write_text(f'{head}\n[recording]\nfolder = "{self.folder}"\n')

    def alerts(self) -> AlertsConfig:
        return wanted(
            load_alerts(self.file),
            self.front.name,
            file=self.file,
            steady=self.clock.steady,
        )

    def recorded(self) -> list[object]:
        (name,) = list_recordings(self.folder)
        return list(salvage_lines((self.folder / name).read_text().splitlines())[0])


async def test_what_a_bot_has_seen_tried_by_other_settings(stage: Stage, tmp_path: Path) -> None:
    """Recorded by the bot itself; by the same file nothing differs, by another what does is shown;
    a bad one is refused with its line."""
    world = Recorder(stage, tmp_path)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    await world.agent(made, "web-1")
    await until(says(stage.front, "resolved"))
    await until(
        lambda: len([one for one in world.recorded() if isinstance(one, HeartbeatSeen)]) >= 2
    )

    same = (await stage.ask(made, "/alerts replay")).answer
    assert same is not None
    assert same.summary.startswith(f"{now():%Y-%m-%d}: alerts.toml has not changed: Of ")
    assert same.summary.endswith("no message would differ: 1 message either way")
    world.write("", channel="C_OTHER")
    found = (await stage.ask(made, f"/alerts replay {now():%Y-%m-%d}")).answer
    assert found is not None
    assert "1 message would no longer be sent, 1 would be new, 0 would stay" in found.summary
    assert [row[1:] for row in found.rows] == [
        ("new", "C_OTHER", "firing: silent web-1 in prod"),
        ("removed", CHANNEL, "firing: silent web-1 in prod"),
    ]
    world.write("nonsense = 1")
    reply = await stage.ask(made, "/alerts replay")
    assert not reply.ok
    assert "alerts.toml, line 3" in reply.text


async def test_only_what_is_recorded_can_be_named(stage: Stage, tmp_path: Path) -> None:
    """A name in that folder, never a path; one that is not there is refused with what is."""
    world = Recorder(stage, tmp_path)
    made = await world.bot()
    append(world.folder / "2026-11-24.jsonl", [Gap(START)])
    for name in ("2026-11-23", "../alerts.toml", str(world.file)):
        reply = await stage.ask(made, f"/alerts replay {name}")
        assert not reply.ok
        assert "Unknown recording" in reply.text
        assert "2026-11-24" in reply.text
    world.file.write_text(f'channel = "{CHANNEL}"\n')
    assert (await stage.ask(made, "/alerts reload")).ok
    assert "no [recording]" in (await stage.ask(made, "/alerts replay")).text


async def test_our_own_links_and_restarts_are_recorded(stage: Stage, tmp_path: Path) -> None:
    """Each time that a bot begins to watch, and each time that one of its links goes or comes, not
    each time that it looks."""
    world = Recorder(stage, tmp_path)
    made = await world.bot()
    stage.bus.down()
    await world.pass_time(made, 5)
    stage.bus.up()
    await world.watching(made)
    await world.pass_time(made, 5)
    await made.stop()
    told = [one for one in world.recorded() if isinstance(one, Gap | LinkChange)]
    assert [one.at for one in told if isinstance(one, Gap)] == [1_800_000_000.0]
    bus = [one.sees for one in told if isinstance(one, LinkChange) and "bus" in one.what]
    assert bus[-2:] == [False, True]
    assert len(bus) <= 4
    await (await world.bot()).stop()
    assert sum(isinstance(one, Gap) for one in world.recorded()) == 2


async def test_one_replay_at_a_time_and_not_for_ever(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a processor: a second one is refused, and one that takes too long is ended."""
    world = Recorder(stage, tmp_path)
    made = await world.bot()
    append(world.folder / "2026-11-24.jsonl", [Gap(START)])
    monkeypatch.setattr(bot.alerting.commands.reload, "REPLAY_TIMEOUT", 0.01)
    first = asyncio.create_task(stage.ask(made, "/alerts replay 2026-11-24"))
    reloading = made.alert_reloader
    assert reloading is not None
    await until(reloading.trial_lock.locked)
    assert "Another replay" in (await stage.ask(made, "/alerts replay 2026-11-24")).text
    reply = await first
    assert not reply.ok
    assert "takes longer than 0.01 s" in reply.text
    assert not reloading.trial_lock.locked()


@pytest.mark.slow
async def test_a_trial_as_a_program_says_what_it_says_in_here(tmp_path: Path) -> None:
    """The same of a recording with a torn line; a file that cannot be read is said."""
    file = tmp_path / "x.jsonl"
    seen = [Sample(thing(f"web-{at}"), True, START + at, "status 502") for at in range(5)]
    seen.append(Sample(thing("web-9"), False, START + 100))
    file.write_text("\n".join([*dump_lines(seen), '{"kind":"sam']))
    old = 'channel = "C_OPS"\ngroup_by = ["host"]\n[thresholds]\ndown_after = 1\n'
    texts = (
        old,
        old.replace("C_OPS", "C_PAGER") + '[[route]]\nmatch = "host=web-1"\nchannel="C_OPS"\n',
    )
    found = await run_trial(file, *texts, 60)
    files = [tmp_path / name for name in ("old.toml", "new.toml")]
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    assert found == trial(file, *map(load_alerts, files))
    assert (found.seen, found.torn, found.same) == (6, 1, 1)
    assert {one.channel for one in found.new} == {"C_PAGER"}
    assert found.summary == (
        "Of 6 records (1 line cannot be read): 4 messages would no longer be sent, "
        "4 would be new, 1 would stay"
    )
    with pytest.raises(TrialFailed, match="No such file"):
        await run_trial(tmp_path / "missing", *texts, 60)
