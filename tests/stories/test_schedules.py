"""A schedule over Slack, RabbitMQ and a bot that is killed."""

from __future__ import annotations

from baton_slack_testing import Message
from tests.stories.world import CHANNEL, World, key_of
from tests.support.wait import until


def days(world: World) -> list[Message]:
    """The posts that stand for a day of a schedule."""
    return [post for post in world.posts if "every 10s" in post.text]


def results(world: World, day: Message) -> list[str]:
    """The jobs that are shown under one of them."""
    shown = world.slack.channel(CHANNEL).by_ts.values()
    return [key_of(message) for message in shown if message.thread_ts == day.ts]


async def test_a_schedule_outlives_its_bot(world: World) -> None:
    """Results stand in one thread, each time once, before kill -9 of the bot and after it; the
    buttons under the thread do what they say."""
    bot = await world.starts("web-1")
    reply = await world.ann.slash("/schedule ping prod every 10s")
    assert "ping prod, every 10s" in str(reply)
    await until(lambda: days(world))
    (day,) = days(world)
    await until(lambda: results(world, day))
    bot.kill()
    world.bot()
    before = len(results(world, day))
    await until(lambda: len(results(world, day)) >= before + 2)
    assert days(world) == [day]
    assert len(set(results(world, day))) == len(results(world, day))
    await world.ann.clicks(day, "ask.pause")
    await until(lambda: "paused" in day.text)
