"""What the chat shows to be wrong with ourselves becomes an alert, which ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from alerts import AlertContent
from bot.alerting.self_checks import FINDING_LASTS, find_problems, report_problems
from bot.app.periodic import PeriodicTask
from tests.bot.alerting.world import WAIT, Watchers, alerts_in, quick, says
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


@dataclass
class Slack:
    clock_ahead: float | None = None
    strangers: int = 0


@pytest.mark.parametrize("ahead", [None, 0.0, 29.0, -29.0])
def test_a_clock_that_is_right_or_not_known_is_no_finding(ahead: float | None) -> None:
    assert list(find_problems(Slack(ahead), "Slack")) == []


def test_it_says_whose_clock_is_off_and_which_way() -> None:
    (finding,) = find_problems(Slack(-7200.0), "Slack")
    assert finding.text.startswith("The clock of this bot is 2 h behind Slack's.")
    (finding,) = find_problems(Slack(0.0, strangers=2), "Slack")
    assert finding.text.startswith("2 connections to Slack with our tokens")


async def test_the_alert_ends_once_the_clock_is_set(stage: Stage) -> None:
    world = Watchers(stage)
    made = await world.bot()
    slack = Slack(-3600.0)
    made.periodic.add(
        PeriodicTask("ourselves", partial(report_problems, slack, "Slack", made.findings), 0.01)
    )
    assert made.alert_runner is not None
    runner = made.alert_runner
    await until(lambda: runner.engine is not None and bool(runner.engine.firing()))
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "clock the bot"
    slack.clock_ahead = 0.0
    await world.pass_time(made, FINDING_LASTS)
    await until(says(stage.front, "resolved"))
