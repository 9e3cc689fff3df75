"""What people do, and what they see."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    Manifest,
    SlackServer,
)

from .clients import Block, actions, bot_of, button, error_of, quick, section


async def test_a_command_is_acknowledged_and_answered(slack: SlackServer) -> None:
    """The ack is timed; its text is shown to the one who asked; the post is in the channel."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        reply = await ann.slash("/deploy shop prod", channel="C_OPS")
        assert reply.acked_after is not None
        assert 0 < reply.acked_after < 3
        assert reply.error is None
        await slack.until(lambda: slack.channel("C_OPS").messages)
        assert slack.channel("C_OPS").messages[0].plain == "ran shop prod"
        assert reply.ephemeral is None
        reply = await ann.slash("/deploy nothing", channel="C_OPS")
        assert reply.ephemeral == "no such app"


async def test_an_ack_can_speak_to_the_channel(slack: SlackServer) -> None:
    """`response_type: in_channel` makes it a message for everybody."""
    async with bot_of(slack):
        await slack.person("U_ANN").slash("/deploy public", channel="C_OPS")
        assert [each.plain for each in slack.channel("C_OPS").messages] == ["deploying"]


@pytest.mark.slow
async def test_a_command_without_an_ack_times_out(slack: SlackServer) -> None:
    """The person reads `operation_timeout`; with no bot connected, `dispatch_failed`."""
    ann = slack.person("U_ANN")
    assert (await ann.slash("/deploy x", channel="C_OPS")).error == "dispatch_failed"
    async with bot_of(slack):
        reply = await ann.slash("/deploy silent", channel="C_OPS")
        assert reply.error == "operation_timeout"
        assert reply.acked_after is None


async def test_a_mention_reaches_the_bot_and_other_words_do_not(slack: SlackServer) -> None:
    """`@baton` becomes a mention; a message without one is not for us."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        root = await ann.says("anyone there?", channel="C_OPS")
        await ann.says("@baton cancel <now> & here", channel="C_OPS", thread_ts=root.ts)
        await slack.until(lambda: len(root.replies) == 2)
        assert root.replies[1].plain == "heard <@U_BATON> cancel &lt;now&gt; &amp; here"
        assert [each.payload["event"]["type"] for each in slack.socket.deliveries] == [
            "app_mention"
        ]


async def test_messages_are_delivered_if_the_app_subscribes() -> None:
    """`message.channels` brings everything that is said; mentions come only if subscribed to."""
    manifest = Manifest(events=frozenset({"message.channels"}))
    async with SlackServer(manifest=manifest, socket=quick()) as slack, bot_of(slack):
        await slack.person("U_ANN").says("hello @baton", channel="C_OPS")
        assert len(slack.socket.deliveries) == 1
        assert slack.socket.deliveries[0].payload["event"]["channel_type"] == "channel"


async def test_only_a_button_that_is_there_can_be_clicked(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """The click carries the button's value; a button that an edit took away is gone."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        blocks = [actions(button(action_id="cancel", value="J1"))]
        ts = (await client.chat_postMessage(channel="C_OPS", text="x", blocks=blocks))["ts"]
        message = slack.channel("C_OPS").messages[0]
        reply = await ann.clicks(message, action_id="cancel")
        assert reply.acked_after is not None
        assert await slack.until(lambda: reply.ephemeral) == "cancelled J1"
        with pytest.raises(LookupError, match="no button 'retry'"):
            await ann.clicks(message, action_id="retry")
        with pytest.raises(LookupError):
            await ann.clicks(message, action_id="cancel", value="J2")
        await client.chat_update(channel="C_OPS", ts=ts, text="done", blocks=[])
        with pytest.raises(LookupError):
            await ann.clicks(message, action_id="cancel")


async def test_a_response_url_is_good_five_times(slack: SlackServer) -> None:
    """The sixth use is refused."""
    url = slack.response_urls.new(slack.origin, "C_OPS", "U_ANN")
    async with aiohttp.ClientSession() as session:
        statuses = [(await session.post(url, json={"text": "x"})).status for _ in range(6)]
    assert statuses == [200] * 5 + [404]
    assert len(slack.person("U_ANN").ephemerals) == 5


async def test_a_trigger_is_good_once_and_for_three_seconds(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """A modal opens with a fresh trigger only, and within its own limits."""
    title: Block = {"type": "plain_text", "text": "Deploy"}
    view = {"type": "modal", "title": title, "blocks": [section()]}
    trigger = slack.triggers.new()
    long = {**view, "title": {"type": "plain_text", "text": "x" * 25}}
    refused = await error_of(client.views_open(trigger_id=trigger, view=long))
    assert "must be less than 25 characters" in refused["errors"][0]
    await client.views_open(trigger_id=trigger, view=view)
    assert slack.views[0]["title"] == title
    refused = await error_of(client.views_open(trigger_id=trigger, view=view))
    assert refused["error"] == "exchanged_trigger_id"
    refused = await error_of(client.views_open(trigger_id="1.2.3", view=view))
    assert refused["error"] == "invalid_trigger_id"
    slack.triggers.seconds = -1.0
    refused = await error_of(client.views_open(trigger_id=slack.triggers.new(), view=view))
    assert refused["error"] == "expired_trigger_id"
