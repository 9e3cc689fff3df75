"""Somebody who talks to a bot that has an alert."""

from __future__ import annotations

from alerts import AlertContent
from bot.app.bot import Bot
from bot.dispatch.reply import Reply
from bot.fronts.slack.blocks.alerts import alert_buttons
from tests.bot.alerting.world import (
    SILENT,
    WAIT,
    Watchers,
    alerts_in,
    says,
)
from tests.support.wait import until


async def firing(world: Watchers, **options: object) -> Bot:
    """A bot that has said that web-1 is silent."""
    made = await world.bot(**options)
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(world.front, "firing"))
    return made


def post(world: Watchers) -> AlertContent:
    (message,) = alerts_in(world.front)
    assert isinstance(message.content, AlertContent)
    return message.content


async def pressed(world: Watchers, made: Bot, label: str) -> Reply:
    """As if somebody had pressed the button that is called so, in Slack."""
    (button,) = [one for one in alert_buttons(post(world)) if one.label == label]
    return await world.stage.ask(made, button.value)
