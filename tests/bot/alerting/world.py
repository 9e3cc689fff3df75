"""A bot that keeps alerts, on a clock that moves when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import bot.alerting.runner
import bot.app.upkeep
import bot.posts.queue
import bot.posts.reconciler
import bot.posts.sender
from alerts import AlertContent, AlertSettings, SteadyClock
from baton.bus.messages import Heartbeat
from bot.app.bot import Bot
from bot.app.with_alerts import AlertsConfig
from bot.store import Store
from tests.bot.fake_front import FakeFront, Message
from tests.bot.world import Agent, Stage, wanted
from tests.support.wait import until

CHANNEL = "C_ALERTS"
WAIT = 30.0
"""The group_wait of these tests."""
SILENT = 3 * 15.0
"""How long an agent may be silent that beats every 15 s and is not known for long."""


def settings(**changes: Any) -> AlertSettings:
    return AlertSettings.model_validate({"channel": CHANNEL, "group_wait": WAIT, **changes})


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.steady = SteadyClock(lambda: self.now, lambda: self.now)


@contextmanager
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing waits in real time, and a clock that jumps is no bot that stood still."""
    monkeypatch.setattr(bot.alerting.runner, "ROUND_INTERVAL", 0.002)
    monkeypatch.setattr(bot.alerting.runner, "LOOK_INTERVAL", 0.01)
    monkeypatch.setattr(bot.alerting.runner, "RETRY_DELAY", 0.01)
    monkeypatch.setattr(bot.alerting.runner, "STALL_TIMEOUT", float("inf"))
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(bot.posts.sender, "BACKOFF", 0.01)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(bot.posts.reconciler, "INTERVAL", 0.01)
    yield


class Watchers:
    """A stage whose bots keep alerts."""

    def __init__(self, stage: Stage, **changes: Any) -> None:
        self.stage = stage
        self.front = stage.front
        self.clock = Clock()
        self.settings = settings(**changes)

    async def bot(self, **options: Any) -> Bot:
        """A bot that has started and keeps watch."""
        made = await self.stage.bot(alerts=self.alerts(), **options)
        await self.watching(made)
        return made

    def alerts(self) -> AlertsConfig:
        """The alerts of its bots."""
        return wanted(self.settings, self.front.name, steady=self.clock.steady)

    async def watching(self, made: Bot) -> None:
        runner = made.alert_runner
        assert runner is not None
        await until(lambda: runner.engine is not None and runner.engine.blind_since is None)

    async def agent(self, made: Bot, host: str) -> Agent:
        """An agent that was heard."""
        agent = await self.stage.agent(host)
        await self.beat(made, agent)
        return agent

    async def beat(self, made: Bot, agent: Agent) -> None:
        """Return once the heartbeat of `agent` has come."""
        heard = made.updates.received[Heartbeat.type]
        await agent.beat()
        await until(lambda: made.updates.received[Heartbeat.type] > heard)
        await self.round(made)

    async def round(self, made: Bot) -> None:
        """Return once all that was seen is decided, at the time of now."""
        runner = made.alert_runner
        assert runner is not None
        rounds = runner.rounds
        await until(lambda: runner.rounds >= rounds + 2)

    async def pass_time(self, made: Bot, seconds: float) -> None:
        """So much time passes, and what it makes due is decided."""
        self.clock.now += seconds
        await self.round(made)


def alerts_in(front: FakeFront) -> list[Message]:
    """The posts about alerts that stand in the channel itself."""
    return [one for one in front.shown if isinstance(one.content, AlertContent) and not one.thread]


def state_of(front: FakeFront) -> str:
    """What the only post about an alert says."""
    (message,) = alerts_in(front)
    assert isinstance(message.content, AlertContent)
    return message.content.state


def says(front: FakeFront, state: str) -> Callable[[], bool]:
    return lambda: (
        [one.content.state for one in alerts_in(front) if isinstance(one.content, AlertContent)]
        == [state]
    )


async def none_waits(store: Store) -> None:
    """Return once everything that is wanted is shown."""

    async def all_told() -> bool:
        return not await store.alerts.unreported()

    await until(all_told)
