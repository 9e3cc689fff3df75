"""The bot keeps watch: a server that falls silent is said once, and its end in the same post."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

import bot.alerting.runner
from alerts import AlertContent
from baton.bus.messages import State, now
from bot.app.bot import Bot
from bot.schedules.schedule import ResultHandling, ScheduleResult, Verdict
from bot.store import Store
from tests.bot.alerting.world import (
    CHANNEL,
    SILENT,
    WAIT,
    Watchers,
    alerts_in,
    none_waits,
    quick,
    says,
    settings,
    state_of,
)
from tests.bot.fake_front import Fault
from tests.bot.world import Stage, away
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_a_silent_server_is_said_once_and_its_return_in_the_same_post(stage: Stage) -> None:
    """Within three intervals and group_wait the channel hears; once it is back the post says so."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")

    await agent.channel.close()
    await world.pass_time(made, SILENT - 1)
    await world.pass_time(made, 1)
    await world.pass_time(made, WAIT - 1)
    assert alerts_in(stage.front) == []
    await world.pass_time(made, 1)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert message.channel == CHANNEL
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "silent web-1 in prod"

    await world.agent(made, "web-1")
    await until(says(stage.front, "resolved"))
    await none_waits(stage.store)
    history = [one for one in stage.front.shown if one.thread == message.ref]
    assert [type(one.content) for one in history] == [AlertContent]


async def test_a_server_that_comes_back_before_the_first_word_is_not_spoken_of(
    stage: Stage,
) -> None:
    """Resolved before group_wait is over: nothing is said."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await world.pass_time(made, SILENT + 1)
    await world.beat(made, agent)
    await world.pass_time(made, 10)
    await none_waits(stage.store)
    assert alerts_in(stage.front) == []


@pytest.mark.parametrize("when", ["before", "while it fires"])
async def test_said_once_over_a_restart(stage: Stage, when: str) -> None:
    """Whenever the bot is started anew no alert is forgotten, and none said twice."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    if when == "before":
        await world.pass_time(made, SILENT + 1)
    else:
        await world.pass_time(made, SILENT)
        await world.pass_time(made, WAIT)
        await until(says(stage.front, "firing"))
    await made.stop()

    made = await world.bot()
    await world.pass_time(made, WAIT + 1)
    await until(says(stage.front, "firing"))
    await world.agent(made, "web-1")
    await until(says(stage.front, "resolved"))
    await none_waits(stage.store)


async def test_nobody_is_called_silent_that_could_not_be_heard(stage: Stage) -> None:
    """While the bus is gone only that is said; when it is back, silence counts from then on."""
    world = Watchers(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    stage.bus.down()
    await world.pass_time(made, 20)
    await world.pass_time(made, 3600)
    await until(says(stage.front, "blind"))
    stage.bus.up()
    await world.watching(made)
    await until(says(stage.front, "resolved"))
    await world.pass_time(made, SILENT - 1)
    await world.pass_time(made, WAIT - 1)
    assert state_of(stage.front) == "resolved"
    await world.pass_time(made, 10)
    await world.pass_time(made, WAIT)
    await until(lambda: len(alerts_in(stage.front)) == 2)


async def test_a_bot_that_stood_still_calls_nobody_silent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept, a process that was stopped: what could not be heard is no silence."""
    world = Watchers(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    monkeypatch.setattr(bot.alerting.runner, "STALL_TIMEOUT", 5.0)
    await world.pass_time(made, 3600)
    monkeypatch.setattr(bot.alerting.runner, "STALL_TIMEOUT", float("inf"))
    await world.pass_time(made, WAIT + 1)
    assert alerts_in(stage.front) == []


async def test_nothing_is_lost_while_the_database_is_away(stage: Stage) -> None:
    """What is decided meanwhile is written, and then said, when the database is back."""
    world = Watchers(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    await world.pass_time(made, SILENT + 1)
    with away(stage.store):
        await world.pass_time(made, WAIT)
        await world.pass_time(made, 1)
        assert alerts_in(stage.front) == []
    await world.watching(made)
    await world.pass_time(made, WAIT + SILENT)
    await until(says(stage.front, "firing"))


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.DROPPED, Fault.THROTTLED, Fault.UNREACHABLE])
async def test_said_once_whatever_becomes_of_the_call(stage: Stage, fault: Fault) -> None:
    """A lost answer, a 429 or no network: in the end there is one post, and it is true."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await world.pass_time(made, SILENT + 1)
    stage.front.faults.extend([fault, None, fault, None, fault])
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    await world.beat(made, agent)
    await until(says(stage.front, "resolved"))
    await none_waits(stage.store)
    keys = [one.key for one in stage.front.shown]
    assert len(keys) == len(set(keys))


async def test_a_run_that_failed_is_an_alert_until_the_same_succeeds(stage: Stage) -> None:
    """A failed change of a server fires; what it was refused for or who cancelled it does not."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await stage.agent("web-1", waits=True)
    await world.beat(made, agent)
    job = await stage.job(made, "ship shop prod")
    await until(lambda: len(agent.requests) == 1)
    await agent.finish(State.FAILED, "exit code 3")
    await stage.told(job)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "ship shop on web-1 in prod"
    assert "failed: exit code 3" in message.content.rows[0][2]

    job = await stage.job(made, "ship shop prod")
    await until(lambda: len(agent.requests) == 2)
    await agent.finish(State.SUCCEEDED)
    await stage.told(job)
    await until(says(stage.front, "resolved"))


async def test_how_a_job_ended_is_not_lost_with_the_bot_that_heard_it(stage: Stage) -> None:
    """Told, and dead before its alert was decided: the next bot has the alert all the same."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await stage.agent("web-1", waits=True)
    await world.beat(made, agent)
    await made.periodic.remove("alerts")
    job = await stage.job(made, "ship shop prod")
    await until(lambda: len(agent.requests) == 1)
    await agent.finish(State.FAILED, "exit code 3")
    await stage.told(job)
    await made.stop()

    after = await world.bot()
    await world.beat(after, agent)
    await world.round(after)
    await world.pass_time(after, WAIT)
    await until(says(stage.front, "firing"))


def looked(made: Bot, words: str, verdict: Verdict = "started") -> ResultHandling:
    """What becomes of a firing of `words` that came to nothing good."""
    at = now()
    seen = ScheduleResult("5c4", f"{words} every 5m", words, at, False, "failed", verdict)
    return made.alerts.schedule_results([seen])


async def test_a_scheduled_look_that_fails_is_an_alert(stage: Stage) -> None:
    """What a schedule that only looks came to is written down with its firing, and told; one that
    changes is, by its runs."""
    world = Watchers(stage)
    made = await world.bot()
    assert looked(made, "ship shop prod") == ResultHandling(None, handled=True)
    heed = looked(made, "hail prod")
    assert heed.handled
    await stage.store.alerts.add_operation(heed.operation)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "schedule “hail prod every 5m” in prod"


async def test_what_its_owner_must_mend_is_no_alert(stage: Stage) -> None:
    """A schedule that is refused, or does not fit any more, is told by its notice, and once."""
    made = await Watchers(stage).bot()
    for words in ("hail prod", "ship shop prod", "nonsense"):
        for verdict in ("refused", "failed"):
            assert looked(made, words, verdict) == ResultHandling(None, handled=False)
    assert looked(made, "hail prod", "missed").handled


async def test_the_board_shows_what_is_wrong_now(stage: Stage) -> None:
    """One post in each channel that asks for it, edited for ever; people are not disturbed by
    it."""
    world = Watchers(stage, board=["C_BOARD"], channel="C_BOARD")
    made = await world.bot()

    def board() -> str:
        (shown,) = [one for one in alerts_in(stage.front) if one.key.startswith("board/")]
        assert isinstance(shown.content, AlertContent)
        return shown.content.title

    await until(lambda: len(alerts_in(stage.front)) == 1)
    assert board() == "No active alerts"
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(lambda: board() == "1 active alert")
    await world.agent(made, "web-1")
    await until(lambda: board() == "No active alerts")


async def test_other_settings_are_gone_by_at_once(stage: Stage) -> None:
    """What fires is told where the new settings send it, and its old post says so."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    assert made.alert_runner is not None
    made.alert_runner.reload(settings(channel="C_OTHER"))
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(lambda: len(alerts_in(stage.front)) == 2)
    assert [one.channel for one in alerts_in(stage.front)] == [CHANNEL, "C_OTHER"]


async def test_what_cannot_be_read_is_done_with(stage: Stage) -> None:
    """What a bot of another version asked for is said in the log once, and is not in the way."""
    world = Watchers(stage)
    made = await world.bot()
    with capture_logs() as logs:
        await stage.store.alerts.add_operation({"kind": "of tomorrow"})

        async def gone() -> bool:
            return not await stage.store.alerts.operations()

        await until(gone)
        await world.round(made)
    assert [one["event"] for one in logs].count("operation on alerts not applied") == 1


async def test_only_the_bot_that_leads_writes(stage: Stage, store: Store) -> None:
    """A bot that stood still while another took over changes nothing any more."""
    world = Watchers(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    rows = await store.alerts.load()
    assert len(rows.checks) == 1
    changes = made.alert_runner.engine.tick(0.0)  # type: ignore[union-attr]
    changes.checks = {row.fingerprint: row for row in rows.checks}
    stranger = ("desk", "somebody else")
    assert not await store.alerts.write(changes, stranger, now())
