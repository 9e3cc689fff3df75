"""Channels in which the bot speaks unasked: whether it can, and what it keeps in sight there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from baton.bus.messages import State
from baton_slack_testing import SlackServer
from bot.content import NoticeContent, Post
from bot.doctor.check_result import Mark
from bot.doctor.slack_checks import slack as examined
from bot.fronts.errors import MessageDeleted, Unpostable
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.channels import ChannelAccess
from bot.fronts.slack.web_api.scopes import OPTIONAL_SCOPES, SCOPES
from bot.jobs import Place
from bot.settings import SlackTable
from tests.support.wait import until

OPS = Place("slack", "C_OPS")
HERE = ("C_OPS", "C_ELSEWHERE", "C_SECRET", "C_NONE")


@pytest.fixture
async def channels(slack: SlackServer, calls: SlackApi) -> AsyncIterator[ChannelAccess]:
    """The bot is in one of four channels."""
    slack.add_channel("C_ELSEWHERE", "elsewhere", has_bot=False)
    slack.add_channel("C_SECRET", "secret", kind="private_channel", has_bot=False)
    tasks = BackgroundTasks()
    yield ChannelAccess(calls, tasks)
    await tasks.drain(5)


async def test_channels_that_the_bot_is_not_in(slack: SlackServer, channels: ChannelAccess) -> None:
    """Each with what to do, and once in the log; when somebody has invited the bot it is well."""
    with capture_logs() as logs:
        await channels.look(HERE)
        closed = await channels.look(HERE)
    assert sorted(closed) == ["C_ELSEWHERE", "C_NONE", "C_SECRET"]
    assert "/invite @baton" in closed["C_ELSEWHERE"]
    assert len([one for one in logs if one["log_level"] == "error"]) == 3
    slack.channel("C_ELSEWHERE").has_bot = True
    assert "C_ELSEWHERE" not in await channels.look(HERE)


async def test_nobody_waits_for_slack(slack: SlackServer, channels: ChannelAccess) -> None:
    """Whoever asks hears what is known; the look that this begins is for the next one."""
    assert channels.closed(HERE) == {}
    await until(lambda: len(channels.closed(HERE)) == 3)
    assert len(slack.calls.to("conversations.history")) == len(HERE)


async def test_the_doctor_says_so(slack: SlackServer) -> None:
    """Before the bot is started; and that boards will not be pinned without the scope."""
    slack.add_channel("C_ELSEWHERE", "elsewhere", has_bot=False)
    table = SlackTable.model_validate(
        {"bot_token": slack.bot_token, "app_token": slack.app_token, "api_url": slack.url}
    )
    found = {one.what: one for one in await examined(table, ("C_OPS", "C_ELSEWHERE"))}
    assert found["channels"].mark is Mark.FAIL
    assert found["channels"].text.startswith("C_ELSEWHERE: ")
    assert found["scopes"].mark is Mark.OK
    found = {one.what: one for one in await examined(table, ("C_OPS",))}
    assert found["channels"].mark is Mark.OK


async def test_an_app_that_was_granted_no_pins() -> None:
    """It works as before; the doctor says what it lacks."""
    async with SlackServer(scopes=SCOPES - OPTIONAL_SCOPES) as slack:
        table = SlackTable.model_validate(
            {"bot_token": slack.bot_token, "app_token": slack.app_token, "api_url": slack.url}
        )
        found = {one.what: one for one in await examined(table)}
        assert found["scopes"].mark is Mark.NOTE
        assert "pins:write is not granted" in found["scopes"].text
        calls = SlackApi(slack.bot_token, slack.url)
        front = SlackFront(calls)
        ref = await front.post(OPS, post(), thread="")
        with pytest.raises(Unpostable, match="pins:write"):
            await front.pin(OPS, ref)
        await calls.close()


def post() -> Post:
    return Post("board/1", NoticeContent("nothing", State.SUCCEEDED), pinned=True)


async def test_a_message_is_pinned_once(slack: SlackServer, front: SlackFront) -> None:
    """Pinned already is as good; one that was deleted is gone."""
    ref = await front.post(OPS, post(), thread="")
    for _ in range(2):
        await front.pin(OPS, ref)
    channel = slack.channel("C_OPS")
    assert [one.ts for one in channel.pinned] == [ref]
    channel.remove(channel.message(ref))
    with pytest.raises(MessageDeleted):
        await front.pin(OPS, ref)
