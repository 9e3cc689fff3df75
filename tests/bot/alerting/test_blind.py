"""Blind is not down: whichever of our links is gone, that is said, and nobody is called down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from typing_extensions import override

from alerts import AlertContent
from baton.bus.messages import State
from bot.app.with_alerts import AlertsConfig
from tests.bot.alerting.world import SILENT, WAIT, Watchers, alerts_in, none_waits, quick, says
from tests.bot.build import Hail, Ship
from tests.bot.world import Stage, away
from tests.support.wait import until

BUS, DATABASE, SLACK = "the message bus", "the database", "Slack"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


class Links(Watchers):
    """A bot that sees by three links."""

    slack = True

    @override
    def alerts(self) -> AlertsConfig:
        """They see Slack too."""
        return replace(super().alerts(), links={SLACK: lambda: self.slack})

    @contextmanager
    def without(self, gone: Sequence[str]) -> Iterator[None]:
        """These links are gone meanwhile."""
        with ExitStack() as stack:
            if BUS in gone:
                self.stage.bus.down()
                stack.callback(self.stage.bus.up)
            if DATABASE in gone:
                stack.enter_context(away(self.stage.store))
            self.slack = SLACK not in gone
            yield
        self.slack = True


@pytest.mark.parametrize(
    "gone", [(BUS,), (DATABASE,), (SLACK,), (BUS, DATABASE, SLACK)], ids=[*"bds", "network"]
)
async def test_nobody_is_called_down(stage: Stage, gone: Sequence[str]) -> None:
    """The bus, the database, Slack, or the network and so all of them: an hour of it is one post,
    which names what was gone; silence counts from when we see again."""
    world = Links(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    with world.without(gone):
        runner = made.alert_runner
        assert runner is not None
        await until(lambda: runner.engine is not None and runner.engine.blind_since is not None)
        await world.pass_time(made, SILENT + WAIT)
        await world.pass_time(made, 3600)
        assert runner.engine is not None
        assert runner.engine.firing() == []
    await world.watching(made)
    await until(says(stage.front, "resolved"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title.startswith("Monitoring was blind for 1 h 1 min")
    (said,) = [line for line in message.content.lines if line.startswith("Was not available")]
    assert all(link in said for link in gone)
    await world.pass_time(made, SILENT - 1)
    await world.pass_time(made, WAIT)
    await none_waits(stage.store)
    assert len(alerts_in(stage.front)) == 1


@pytest.mark.parametrize("words", ["ship shop prod", "hail prod"])
async def test_what_could_not_be_sent_is_no_alert(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Asked while RabbitMQ is away, and too late when it is back: that says nothing of the servers,
    neither in the job's post nor as an alert. Only that we were blind is told."""
    monkeypatch.setattr("bot.dispatch.planner.MIN_SEND_WINDOW", 0.2)
    for command in (Ship, Hail):
        monkeypatch.setattr(command, "accept_within", 0.2)
    world = Links(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    with world.without((BUS,)):
        runner = made.alert_runner
        assert runner is not None
        await until(lambda: runner.engine is not None and runner.engine.blind_since is not None)
        job = await stage.job(made, words)

        async def given_up() -> bool:
            return await stage.states(job) == {"web-1": State.EXPIRED}

        await until(given_up)
        await world.pass_time(made, SILENT + WAIT)
    await world.watching(made)
    await stage.told(job)
    found = await stage.store.ledger.job(job)
    assert found is not None
    assert found[1][0].text.startswith("not sent: RabbitMQ was unreachable for")
    for _ in range(3):
        await world.beat(made, agent)
        await world.pass_time(made, WAIT)
    assert runner.engine is not None
    assert [one.labels.title() for one in runner.engine.firing()] == []
    await none_waits(stage.store)
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title.startswith("Monitoring was blind")
