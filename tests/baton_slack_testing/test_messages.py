"""Posting, editing, deleting, whispering."""

from __future__ import annotations

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    SlackServer,
)

from .clients import error_of


async def test_a_post_its_thread_and_its_edits_are_kept(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """Channel and thread read in order; a broadcast reply is in both; edits are counted."""
    meta = {"event_type": "post", "event_payload": {"key": "J1"}}
    post = await client.chat_postMessage(channel="C_OPS", text="deploying", metadata=meta)
    ts = post["ts"]
    await client.chat_postMessage(channel="C_OPS", thread_ts=ts, text="web1 done")
    await client.chat_postMessage(
        channel="C_OPS", thread_ts=ts, text="web2 failed", reply_broadcast=True
    )
    await client.chat_update(channel="C_OPS", ts=ts, text="1 of 2 done")
    channel = slack.channel("C_OPS")
    assert [each.plain for each in channel.messages] == ["1 of 2 done", "web2 failed"]
    assert [each.plain for each in channel.thread(ts)] == ["web1 done", "web2 failed"]
    assert channel.messages[0].edits == 1
    assert channel.messages[0].metadata == meta
    assert [call.method for call in slack.calls][-1] == "chat.update"
    assert slack.calls.counts["chat.postMessage"] == 3


async def test_where_the_bot_may_post(slack: SlackServer, client: AsyncWebClient) -> None:
    """Unknown channels, channels without the bot, archived ones, threads that are not there."""
    slack.add_channel("C_DEV", "dev", has_bot=False)
    slack.add_channel("C_OLD", "old").archived = True
    slack.add_channel("G_SECRET", "secret", kind="private_channel", has_bot=False)

    async def error(channel: str, **args: Any) -> str:
        refused = await error_of(client.chat_postMessage(channel=channel, text="hi", **args))
        return str(refused["error"])

    assert await error("C_NONE") == "channel_not_found"
    assert await error("C_DEV") == "not_in_channel"
    assert await error("C_OLD") == "is_archived"
    assert await error("G_SECRET") == "channel_not_found"
    assert await error("C_OPS", thread_ts="1.000001") == "thread_not_found"
    root = (await client.chat_postMessage(channel="U_ANN", text="in private"))["ts"]
    reply = await client.chat_postMessage(channel="D_ANN", text="more", thread_ts=root)
    assert await error("D_ANN", thread_ts=reply["ts"]) == "cannot_reply_to_message"


async def test_only_its_own_messages_can_be_edited(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """A message of somebody else, one that is not there, and one that was deleted."""
    said = await slack.person("U_ANN").says("hello", channel="C_OPS")
    refused = await error_of(client.chat_update(channel="C_OPS", ts=said.ts, text="x"))
    assert refused["error"] == "cant_update_message"
    refused = await error_of(client.chat_delete(channel="C_OPS", ts=said.ts))
    assert refused["error"] == "cant_delete_message"
    refused = await error_of(client.chat_update(channel="C_OPS", ts="1.000001", text="x"))
    assert refused["error"] == "message_not_found"
    ts = (await client.chat_postMessage(channel="C_OPS", text="hi"))["ts"]
    await client.chat_postMessage(channel="C_OPS", text="under it", thread_ts=ts)
    await client.chat_delete(channel="C_OPS", ts=ts)
    refused = await error_of(client.chat_update(channel="C_OPS", ts=ts, text="x"))
    assert refused["error"] == "message_not_found"
    assert slack.channel("C_OPS").messages[-1].tombstone


async def test_required_arguments_are_named(client: AsyncWebClient) -> None:
    """A call without its channel, and one with nothing to show."""
    refused = await error_of(client.api_call("chat.postMessage", json={"text": "hi"}))
    assert refused["error"] == "invalid_arguments"
    assert "missing required field: channel" in refused["response_metadata"]["messages"][0]
    empty = {"channel": "C_OPS", "text": " ", "blocks": []}
    refused = await error_of(client.api_call("chat.postMessage", json=empty))
    assert refused["error"] == "no_text"


async def test_long_texts_are_cut_in_posts_and_refused_in_edits(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """Over 4,000 characters is flagged, over 40,000 cut; an edit takes no more than 4,000."""
    ts = (await client.chat_postMessage(channel="C_OPS", text="x" * 50_000))["ts"]
    message = slack.channel("C_OPS").messages[0]
    assert message.long
    assert len(message.text) == 40_000
    refused = await error_of(client.chat_update(channel="C_OPS", ts=ts, text="x" * 4_001))
    assert refused["error"] == "msg_too_long"


async def test_metadata_is_checked_and_removed_only_on_purpose(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """An edit without metadata keeps it, one with an empty object takes it away."""
    bad = {"event_type": "post"}
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", metadata=bad))
    assert refused["error"] == "invalid_metadata_schema"
    meta = {"event_type": "post", "event_payload": {}}
    ts = (await client.chat_postMessage(channel="C_OPS", text="x", metadata=meta))["ts"]
    await client.chat_update(channel="C_OPS", ts=ts, text="y")
    assert slack.channel("C_OPS").messages[0].metadata == meta
    await client.chat_update(channel="C_OPS", ts=ts, text="y", metadata={})
    assert slack.channel("C_OPS").messages[0].metadata is None


async def test_ephemeral_words_reach_one_person(slack: SlackServer, client: AsyncWebClient) -> None:
    """They are in nobody else's view, and need somebody who is in the channel."""
    await client.chat_postEphemeral(channel="C_OPS", user="U_ANN", text="only you")
    assert slack.person("U_ANN").ephemerals == ["only you"]
    assert slack.channel("C_OPS").messages == []
    slack.person("U_BEN").leaves("C_OPS")
    refused = await error_of(client.chat_postEphemeral(channel="C_OPS", user="U_BEN", text="x"))
    assert refused["error"] == "user_not_in_channel"
