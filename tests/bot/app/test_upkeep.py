"""What a bot does again and again for itself."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta

import pytest

from baton.bus.exchanges import DISCOVER, INPUT, Queue
from baton.bus.messages import now
from baton.errors import BatonError
from bot.app.bot import Bot
from tests.bot.world import Stage, a_bot, beat
from tests.support.wait import until


@pytest.fixture
def bot(stage: Stage) -> Bot:
    """A bot that has not started: its rounds come when a test calls them."""
    return a_bot(stage.store, stage.channel())


def hosts(bot: Bot) -> list[str]:
    return [server.facts.host for server in bot.servers.servers()]


async def test_servers_of_another_bot_are_learned(stage: Stage, bot: Bot) -> None:
    """Only while that one leads: the leader hears them itself."""
    await stage.store.servers.record([beat("web-1")], now())
    await bot.upkeep.follow_other_bots(leading=True)
    assert hosts(bot) == []
    await bot.upkeep.follow_other_bots(leading=False)
    assert hosts(bot) == ["web-1"]


async def test_what_people_told_another_bot_to_forget_is_forgotten_once(
    stage: Stage, bot: Bot
) -> None:
    """Whether this bot leads or not; a heartbeat that comes later makes it known again."""
    await stage.store.servers.record([beat("web-1")], now())
    bot.servers.record(beat("web-1"))
    await stage.store.servers.forget("web-1", now())
    await bot.upkeep.follow_other_bots(leading=True)
    assert hosts(bot) == []
    bot.servers.record(beat("web-1"))
    await bot.upkeep.follow_other_bots(leading=True)
    assert hosts(bot) == ["web-1"]


async def test_agents_are_asked_once_the_answers_can_be_heard(stage: Stage, bot: Bot) -> None:
    """Not before, and once: then the task is done for good."""
    queue = Queue("asked")
    channel = stage.channel()
    await channel.declare(queue, [(INPUT, DISCOVER)])
    asked: list[str] = []

    async def note(delivery: object) -> None:
        asked.append("discover")

    await channel.consume(queue, note)
    listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(bot.upkeep.discover(listening))
    await asyncio.sleep(0)
    assert asked == []
    listening.set_result(None)
    assert await asking == math.inf
    await until(lambda: asked == ["discover"])


async def test_a_question_that_could_not_be_sent_is_asked_again(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round fails with the reason, so that the next one comes."""

    async def refuse(*given: object, **named: object) -> None:
        raise BatonError(reason="the queue is full")

    monkeypatch.setattr(bot.channel, "publish", refuse)
    listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    listening.set_result(None)
    with pytest.raises(BatonError):
        await bot.upkeep.discover(listening)


async def test_what_is_older_than_the_retention_is_deleted(
    stage: Stage, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[datetime] = []

    async def prune(moment: datetime) -> None:
        before.append(moment)

    monkeypatch.setattr(stage.store, "prune", prune)
    await bot.upkeep.prune()
    (moment,) = before
    assert abs(now() - timedelta(days=90) - moment) < timedelta(minutes=5)
