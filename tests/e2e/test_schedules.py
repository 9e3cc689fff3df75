"""A schedule over Slack, RabbitMQ and a bot that is killed."""

from __future__ import annotations

import pytest

from tests.e2e.world import World
from tests.support.slack_server import Message
from tests.support.wait import until


def days(world: World) -> list[Message]:
    """The posts that stand for a day of a schedule."""
    return [post for post in world.posts if "every 10s" in post.text]


@pytest.mark.timeout(150)
async def test_a_schedule_outlives_its_bot(world: World) -> None:
    """Results stand in one thread, each time once, before kill -9 of the bot and after it; the
    buttons under the thread do what they say."""
    bot = await world.starts("web-1")
    reply = await world.ann.slash("/schedule ping prod every 10s")
    assert "ping prod, every 10s" in str(reply)
    await until(lambda: days(world), 40)
    (day,) = days(world)
    await until(lambda: len(world.thread(day)) >= 1, 30)
    bot.kill()
    world.bot()
    before = len(world.thread(day))
    await until(lambda: len(world.thread(day)) >= before + 2, 60)
    assert days(world) == [day]
    pings = [text for text in world.thread(day)]
    assert len(pings) == len(set(pings))
    await world.ann.clicks(day, "ask.pause")
    await until(lambda: "paused" in day.text, 30)
