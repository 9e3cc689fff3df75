"""A storm, by the bot and not by the engine alone: what Slack would have to show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts import AlertContent, Labels, Sample
from tests.bot.alerting.world import WAIT, Watchers, alerts_in, none_waits, quick
from tests.bot.world import Stage
from tests.support.wait import until

OTHER = "C_OTHER"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_a_thousand_alerts_in_a_minute(stage: Stage) -> None:
    """At most five messages in each channel, none lost: the last says how many more there are; and
    when all is over each of those posts says so, without another message."""
    route = {"match": "app=shop", "channel": OTHER, "group_by": ["host"]}
    world = Watchers(stage, group_by=["host"], route=[route])
    made = await world.bot()
    runner = made.alert_runner
    assert runner is not None

    async def tell(bad: bool) -> None:
        for number in range(1000):
            app = "shop" if number % 2 else "desk"
            labels = Labels.of(alertname="down", env="prod", host=f"web-{number}", app=app)
            runner.observe(Sample(labels, bad, runner.now(), "refused", decided=True))
            if number % 50 == 49:
                await world.pass_time(made, 3)

    await tell(True)
    await world.pass_time(made, WAIT)
    assert runner.engine is not None
    assert len(runner.engine.firing()) == 1000
    await none_waits(stage.store)
    for channel in (world.settings.channel, OTHER):
        posts = [one for one in alerts_in(stage.front) if one.channel == channel]
        assert len(posts) == 5
        shown = [one.content for one in posts if isinstance(one.content, AlertContent)]
        (storm,) = [one for one in shown if one.title.startswith("Alert storm")]
        assert storm.title == "Alert storm: 496 more alerts"
    await tell(False)
    await until(lambda: not runner.engine or not runner.engine.firing())
    await none_waits(stage.store)
    posts = alerts_in(stage.front)
    assert len(posts) == 10
    states = {one.content.state for one in posts if isinstance(one.content, AlertContent)}
    assert states == {"resolved"}
