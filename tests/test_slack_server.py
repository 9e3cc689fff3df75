"""The Slack server for tests is as strict as Slack: checked with Slack's own Python client."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.support.slack_server import (
    Fails,
    Hang,
    LostRequest,
    LostResponse,
    Manifest,
    RateLimited,
    RateLimits,
    ServerError,
    SlackServer,
    Slow,
    SocketSettings,
)

Block = dict[str, Any]


def quick() -> SocketSettings:
    """Short times, of this test's own."""
    return SocketSettings(ack_seconds=0.2, retry_delays=(0.0, 0.0, 0.0))


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(manifest=Manifest(), socket=quick()) as server:
        server.person("U_ANN", name="ann", tz="Europe/Berlin")
        yield server


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    return client_of(slack)


def client_of(slack: SlackServer, token: str | None = None) -> AsyncWebClient:
    client = AsyncWebClient(token or slack.bot_token, base_url=slack.url, timeout=5)
    client.retry_handlers = []
    return client


async def error_of(call: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        await call
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


@asynccontextmanager
async def bot_of(slack: SlackServer) -> AsyncIterator[AsyncApp]:
    """A bolt app connected to the server, with a listener for each thing that people can do."""
    app = AsyncApp(client=client_of(slack), request_verification_enabled=False)
    app.heard = []  # type: ignore[attr-defined]

    @app.command("/deploy")
    async def deploy(ack: Any, command: Any, client: Any) -> None:
        if command["text"] == "silent":
            return
        if command["text"] == "public":
            await ack(text="deploying", response_type="in_channel")
            return
        await ack("no such app" if command["text"] == "nothing" else "")
        await client.chat_postMessage(channel=command["channel_id"], text=f"ran {command['text']}")

    @app.event("app_mention")
    async def mentioned(event: Any, say: Any) -> None:
        await say(f"heard {event['text']}", thread_ts=event.get("thread_ts"))

    @app.action("cancel")
    async def cancelled(ack: Any, body: Any, respond: Any) -> None:
        await ack()
        await respond(f"cancelled {body['actions'][0]['value']}")

    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.connected()
    try:
        yield app
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


# -- who may call what


async def test_methods_want_a_known_token_of_the_right_kind(slack: SlackServer) -> None:
    """No token, a wrong one, one of the other kind, and a method that does not exist."""
    app = client_of(slack, slack.app_token)
    assert (await error_of(client_of(slack, "xoxb-other").auth_test()))["error"] == "invalid_auth"
    wrong = await error_of(app.chat_postMessage(channel="C_OPS", text="hi"))
    assert wrong["error"] == "not_allowed_token_type"
    wrong = await error_of(client_of(slack).apps_connections_open(app_token=slack.bot_token))
    assert wrong["error"] == "not_allowed_token_type"
    assert (await error_of(app.api_call("chat.shout")))["error"] == "unknown_method"
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.url + "auth.test") as response,
    ):
        assert (await response.json())["error"] == "not_authed"


async def test_a_missing_scope_is_named() -> None:
    """`needed` and `provided` say which, and the headers say what was granted."""
    async with SlackServer(manifest=Manifest(), scopes=["commands", "users:read"]) as slack:
        client = client_of(slack)
        refused = await error_of(client.chat_postMessage(channel="C_OPS", text="hi"))
        assert refused["error"] == "missing_scope"
        assert (refused["needed"], refused["provided"]) == ("chat:write", "commands,users:read")
        refused = await error_of(client.conversations_history(channel="C_OPS"))
        assert refused["needed"] == "channels:history"
        answer = await client.auth_test()
        assert answer.headers["X-OAuth-Scopes"] == "commands,users:read"
    async with SlackServer(manifest=Manifest(), app_scopes=[]) as slack:
        refused = await error_of(
            client_of(slack, slack.app_token).apps_connections_open(app_token=slack.app_token)
        )
        assert refused["needed"] == "connections:write"


async def test_the_manifest_grants_scopes_events_and_commands(tmp_path: Path) -> None:
    """What the app asks for in its manifest is what it gets."""
    path = tmp_path / "manifest.yml"
    path.write_text(
        "features:\n  bot_user: {display_name: Baton}\n"
        "  slash_commands:\n    - command: /ping\n      description: who is there\n"
        "oauth_config:\n  scopes:\n    bot: [chat:write, commands]\n"
        "settings:\n  event_subscriptions:\n    bot_events: [app_mention]\n"
    )
    manifest = Manifest.read(path)
    assert manifest.scopes == {"chat:write", "commands"}
    assert manifest.commands == frozenset({"/ping"})
    assert manifest.events == {"app_mention"}
    async with SlackServer(manifest=manifest) as slack:
        with pytest.raises(LookupError, match="/deploy is not a command"):
            await slack.person("U_ANN").slash("/deploy shop", channel="C_OPS")


# -- messages


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


# -- blocks


def section(text: str = "hi", **more: Any) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(label: str = "Cancel", **more: Any) -> Block:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, **more}


def rich(text: str) -> Block:
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [line]}


def task(**more: Any) -> Block:
    return {"type": "task_card", "task_id": "web1", "title": "web1", "status": "complete", **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


FIELD = {"type": "mrkdwn", "text": "x" * 2_000}
GOOD: dict[str, list[Block]] = {
    "fifty blocks": [{"type": "divider"}] * 50,
    "a full section": [section("x" * 3_000)],
    "a full header": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}],
    "buttons": [actions(*[button(action_id=f"a{i}", value="v" * 2_000) for i in range(25)])],
    "a plan": [{"type": "plan", "title": "deploy", "tasks": [task(output=rich("ok"))]}],
    "tasks alone": [task(details=rich("fetching"), status="in_progress")],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "J1"}]}],
    "rich text": [rich("hello")],
    "a table": [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
}
BAD: dict[str, tuple[list[Block], str]] = {
    "too many": (
        [{"type": "divider"}] * 51,
        "no more than 50 items allowed [json-pointer:/blocks]",
    ),
    "unknown type": ([{"type": "marquee"}], "unsupported type: marquee"),
    "unknown key": ([section(colour="red")], "invalid additional property: colour"),
    "long section": ([section("x" * 3_001)], "3001 characters [json-pointer:/blocks/0/text/text]"),
    "empty section": ([section("")], "must be more than 0 characters"),
    "no text": ([{"type": "section"}], "missing required field: text"),
    "long header": (
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        "must be less than 151 characters",
    ),
    "header in mrkdwn": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "must be one of: plain_text",
    ),
    "11 fields": ([{"type": "section", "fields": [FIELD] * 11}], "no more than 10 items"),
    "long field": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}],
        "must be less than 2001 characters",
    ),
    "26 buttons": ([actions(*[button()] * 26)], "[json-pointer:/blocks/0/elements]"),
    "long label": ([actions(button("x" * 76))], "must be less than 76 characters"),
    "long value": ([actions(button(value="x" * 2_001))], "must be less than 2001 characters"),
    "two actions of one id": (
        [actions(button(action_id="a"), button(action_id="a"))],
        '`action_id` "a" already exists',
    ),
    "long block_id": ([section(block_id="x" * 256)], "must be less than 256 characters"),
    "block_id twice": ([section(block_id="b"), section(block_id="b")], "already exists"),
    "plan and task": (
        [{"type": "plan", "title": "t", "tasks": [task()]}, task()],
        "plan and task_card cannot be used in one message",
    ),
    "unknown status": ([task(status="done")], "must be one of: pending, in_progress"),
    "output as text": ([task(output="ok")], "must be a rich_text"),
    "plan of sections": ([{"type": "plan", "title": "t", "tasks": [section()]}], "a task_card"),
    "task without id": ([{"type": "task_card", "title": "t"}], "required field: task_id"),
    "empty rich text": ([rich("")], "must be more than 0 characters"),
    "markdown over all": (
        [{"type": "markdown", "text": "x" * 6_001}, {"type": "markdown", "text": "x" * 6_000}],
        "must be less than 12001 characters",
    ),
    "two tables": (GOOD["a table"] * 2, "only one table"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_blocks_within_the_limits_are_shown(
    name: str, slack: SlackServer, client: AsyncWebClient
) -> None:
    """What is just within Slack's published limits passes."""
    await client.chat_postMessage(channel="C_OPS", text="fallback", blocks=GOOD[name])
    assert slack.channel("C_OPS").messages[0].blocks == GOOD[name]


@pytest.mark.parametrize("name", BAD)
async def test_blocks_past_a_limit_are_refused(name: str, client: AsyncWebClient) -> None:
    """`invalid_blocks`, with the place and the reason, as Slack words them."""
    blocks, reason = BAD[name]
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=blocks))
    assert refused["error"] == "invalid_blocks"
    assert reason in "\n".join(refused["errors"])
    assert refused["response_metadata"]["messages"][0] == f"[ERROR] {refused['errors'][0]}"


async def test_all_blocks_together_have_a_limit(client: AsyncWebClient) -> None:
    """About 13,200 characters a message, though each block is within its own limit."""
    blocks = [section("x" * 2_900)] * 5
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=blocks))
    assert refused["error"] == "msg_blocks_too_long"
    wrong: Any = {"type": "divider"}
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=wrong))
    assert refused["error"] == "invalid_blocks_format"


async def test_a_workspace_may_not_know_plan_blocks() -> None:
    """`plan_blocks=False` answers them with `invalid_blocks`, and others as before."""
    async with SlackServer(manifest=Manifest(), plan_blocks=False) as slack:
        client = client_of(slack)
        refused = await error_of(
            client.chat_postMessage(channel="C_OPS", text="x", blocks=GOOD["a plan"])
        )
        assert refused["error"] == "invalid_blocks"
        await client.chat_postMessage(channel="C_OPS", text="x", blocks=[section()])


async def test_plain_is_what_a_person_reads(slack: SlackServer, client: AsyncWebClient) -> None:
    """Blocks hide the text; titles, states, outputs and buttons are all in it."""
    plan = {"type": "plan", "title": "deploy shop", "tasks": [task(output=rich("all good"))]}
    blocks = [plan, actions(button())]
    await client.chat_postMessage(channel="C_OPS", text="unseen", blocks=blocks)
    plain = slack.channel("C_OPS").messages[0].plain
    assert plain.split("\n") == ["deploy shop", "web1", "all good", "[complete]", "Cancel"]


# -- reading back


async def test_history_and_replies_come_in_pages(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """History newest first, replies oldest first under their root; metadata only when asked."""
    meta = {"event_type": "post", "event_payload": {"key": "J1"}}
    root = (await client.chat_postMessage(channel="C_OPS", text="0", metadata=meta))["ts"]
    for word in "abc":
        await client.chat_postMessage(channel="C_OPS", text=word, thread_ts=root)
    stamps = [(await client.chat_postMessage(channel="C_OPS", text=w))["ts"] for w in "12"]
    first = await client.conversations_history(channel="C_OPS", limit=2)
    assert [each["text"] for each in first["messages"]] == ["2", "1"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(
        channel="C_OPS", limit=2, cursor=cursor, include_all_metadata=True
    )
    assert [each["metadata"] for each in rest["messages"]] == [meta]
    assert not rest["has_more"]
    later = await client.conversations_history(channel="C_OPS", oldest=stamps[0])
    assert [each["text"] for each in later["messages"]] == ["2"]
    page = await client.conversations_replies(channel="C_OPS", ts=root, limit=3)
    assert [each["text"] for each in page["messages"]] == ["0", "a", "b"]
    assert "metadata" not in page["messages"][0]
    assert page["messages"][0]["reply_count"] == 3
    cursor = page["response_metadata"]["next_cursor"]
    page = await client.conversations_replies(channel="C_OPS", ts=root, limit=3, cursor=cursor)
    assert [each["text"] for each in page["messages"]] == ["c"]


async def test_reading_is_refused_for_the_right_reason(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """No such thread, cursor, limit, or channel; or not in it."""
    slack.add_channel("C_DEV", "dev", has_bot=False)
    slack.add_channel("D_X", "x", kind="im")
    history = client.conversations_history
    assert (await error_of(history(channel="C_DEV")))["error"] == "not_in_channel"
    assert (await error_of(history(channel="D_X")))["needed"] == "im:history"
    assert (await error_of(history(channel="C_OPS", cursor="x")))["error"] == "invalid_cursor"
    assert (await error_of(history(channel="C_OPS", limit=5000)))["error"] == "invalid_limit"
    refused = await error_of(client.conversations_replies(channel="C_OPS", ts="1.000001"))
    assert refused["error"] == "thread_not_found"


async def test_people_groups_and_channels_can_be_looked_up(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """With time zones, members, and whether the bot is in."""
    slack.add_group("S_OPS", "ops", ["U_ANN"])
    assert (await client.users_info(user="U_ANN"))["user"]["tz"] == "Europe/Berlin"
    assert (await error_of(client.users_info(user="U_NO")))["error"] == "user_not_found"
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "ops"
    assert (await client.usergroups_users_list(usergroup="S_OPS"))["users"] == ["U_ANN"]
    refused = await error_of(client.usergroups_users_list(usergroup="S_NO"))
    assert refused["error"] == "no_such_subteam"
    assert (await client.conversations_info(channel="C_OPS"))["channel"]["is_member"] is True
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert [each["name"] for each in listed["channels"]] == ["ops"]


async def test_a_file_is_uploaded_in_three_steps(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """It shows in the thread; a file that never came cannot be shared."""
    root = (await client.chat_postMessage(channel="C_OPS", text="deploy"))["ts"]
    content = "line\n" * 1_000
    await client.files_upload_v2(
        channel="C_OPS", thread_ts=root, filename="web1.log", title="web1", content=content
    )
    assert slack.files[0].content == content.encode()
    assert slack.channel("C_OPS").thread(root)[0].files == slack.files
    announced = await client.files_getUploadURLExternal(filename="x", length=3)
    refused = await error_of(
        client.files_completeUploadExternal(files=[{"id": announced["file_id"], "title": "x"}])
    )
    assert refused["error"] == "file_not_found"
    async with (
        aiohttp.ClientSession() as session,
        session.post(announced["upload_url"], data=b"longer") as response,
    ):
        assert response.status == 500


async def test_a_file_may_be_large(slack: SlackServer, client: AsyncWebClient) -> None:
    """Past a mebibyte, and with no channel to show it in yet."""
    content = b"line" * 500_000
    announced = await client.files_getUploadURLExternal(filename="x", length=len(content))
    async with (
        aiohttp.ClientSession() as session,
        session.post(announced["upload_url"], data=io.BytesIO(content)) as response,
    ):
        assert await response.text() == "OK - 2000000"
    await client.files_completeUploadExternal(files=[{"id": announced["file_id"]}])


async def test_a_form_is_as_good_as_json(slack: SlackServer) -> None:
    """Slack takes both; structures come as JSON text in a form."""
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    data = {"channel": "C_OPS", "text": "x", "blocks": json.dumps([section("from a form")])}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(slack.url + "chat.postMessage", data=data) as response,
    ):
        assert (await response.json())["ok"] is True
    assert slack.channel("C_OPS").messages[0].plain == "from a form"


# -- rate limits


async def test_posts_are_limited_for_each_channel() -> None:
    """A burst passes, the next is told how long to wait, and another channel is not touched."""
    now = [0.0]
    limits = RateLimits(burst=2, clock=lambda: now[0])
    async with SlackServer(manifest=Manifest(), rate_limits=limits) as slack:
        slack.add_channel("C_DEV", "dev")
        client = client_of(slack)
        for _ in range(2):
            await client.chat_postMessage(channel="C_OPS", text="x")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="C_OPS", text="x")
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "1"
        assert caught.value.response["error"] == "ratelimited"
        await client.chat_postMessage(channel="C_DEV", text="x")
        now[0] = 1.0
        await client.chat_postMessage(channel="C_OPS", text="x")


async def test_edits_are_limited_for_the_whole_app() -> None:
    """50 a minute, over all channels and messages."""
    now = [0.0]
    limits = RateLimits(clock=lambda: now[0])
    async with SlackServer(manifest=Manifest(), rate_limits=limits) as slack:
        client = client_of(slack)
        ts = (await client.chat_postMessage(channel="C_OPS", text="x"))["ts"]
        for count in range(50):
            now[0] = count * 0.1
            await client.chat_update(channel="C_OPS", ts=ts, text="y")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel="C_OPS", ts=ts, text="z")
        assert caught.value.response.headers["Retry-After"] == "56"
        now[0] = 60.0
        await client.chat_update(channel="C_OPS", ts=ts, text="z")


# -- people


async def test_a_command_is_acknowledged_and_answered(slack: SlackServer) -> None:
    """The ack is timed; its text is shown to the one who asked; the post is in the channel."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        reply = await ann.slash("/deploy shop prod", channel="C_OPS")
        assert reply.acked_after is not None
        assert reply.acked_after < 1
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
    """`message.channels` brings everything that is said."""
    manifest = Manifest(events=frozenset({"message.channels"}))
    async with SlackServer(manifest=manifest, socket=quick()) as slack, bot_of(slack):
        await slack.person("U_ANN").says("hello", channel="C_OPS")
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


# -- Socket Mode


async def link_of(slack: SlackServer) -> str:
    app = client_of(slack, slack.app_token)
    return str((await app.apps_connections_open(app_token=slack.app_token))["url"])


@asynccontextmanager
async def raw_socket(
    slack: SlackServer, url: str | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url or await link_of(slack)) as socket,
    ):
        yield socket


async def test_a_ticket_is_good_once_and_not_for_long(slack: SlackServer) -> None:
    """A used and an expired one are both refused."""
    url = await link_of(slack)
    async with raw_socket(slack, url) as socket:
        hello = await socket.receive_json()
        assert hello["type"] == "hello"
        assert hello["num_connections"] == 1
        assert hello["debug_info"]["approximate_connection_time"] > 0
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with raw_socket(slack, url):
            pass
    slack.socket.settings.ticket_seconds = -1.0
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with raw_socket(slack):
            pass


async def test_each_payload_goes_to_one_of_the_connections(slack: SlackServer) -> None:
    """Two connections share what comes."""
    async with raw_socket(slack) as one, raw_socket(slack) as two:
        for socket in (one, two):
            await socket.receive_json()
        for _ in range(4):
            await slack.event({"type": "app_mention"})
        for socket in (one, two):
            ids = [(await socket.receive_json())["envelope_id"] for _ in range(2)]
            for id in ids:
                await socket.send_json({"envelope_id": id})
        await slack.until(lambda: all(each.acked_after for each in slack.socket.deliveries))


async def test_an_eleventh_connection_is_turned_away(slack: SlackServer) -> None:
    """Ten is Slack's limit."""
    sockets = [raw_socket(slack) for _ in range(10)]
    for opened in sockets:
        await opened.__aenter__()
    async with raw_socket(slack) as late:
        assert (await late.receive_json())["reason"] == "too_many_websockets"
    for opened in sockets:
        await opened.__aexit__(None, None, None)


async def test_an_event_without_an_ack_comes_again(slack: SlackServer) -> None:
    """Three more times, as the same event in a new envelope; with an ack, no more."""
    async with raw_socket(slack) as socket:
        await socket.receive_json()
        await slack.event({"type": "app_mention"})
        seen = [await socket.receive_json() for _ in range(4)]
        assert [each["retry_attempt"] for each in seen] == [0, 1, 2, 3]
        assert [each["retry_reason"] for each in seen] == ["", "timeout", "timeout", "timeout"]
        assert len({each["payload"]["event_id"] for each in seen}) == 1
        assert len({each["envelope_id"] for each in seen}) == 4
        await socket.send_json({"envelope_id": seen[0]["envelope_id"]})
        await slack.until(lambda: slack.socket.late_acks == 1)
        await socket.send_json({"envelope_id": "what"})
        await slack.until(lambda: len(slack.socket.strange_acks) == 1)


async def test_the_same_envelope_can_come_twice(slack: SlackServer) -> None:
    """`redeliver` sends it byte for byte."""
    async with bot_of(slack):
        reply = await slack.person("U_ANN").slash("/deploy shop", channel="C_OPS")
        twin = await slack.redeliver(reply.delivery)
        assert twin.text() == reply.delivery.text()
        await twin.done
        await slack.until(lambda: slack.calls.counts["chat.postMessage"] == 2)


async def test_a_refresh_makes_the_client_connect_anew(slack: SlackServer) -> None:
    """Slack says so first, and then closes."""
    async with bot_of(slack):
        await slack.socket.warn()
        await slack.socket.refresh(grace=0.1)
        await slack.until(lambda: slack.socket.opened >= 2)
        await slack.connected()
        reply = await slack.person("U_ANN").slash("/deploy shop", channel="C_OPS")
        assert reply.error is None


async def test_a_dropped_socket_is_opened_again(slack: SlackServer) -> None:
    """A TCP reset; and then Slack refuses twice."""
    async with bot_of(slack):
        slack.socket.refuse(times=2)
        slack.socket.drop()
        await slack.until(lambda: slack.socket.refused == 2)
        await slack.until(lambda: slack.socket.opened == 2)


async def test_a_dead_socket_looks_open_and_delivers_nothing(slack: SlackServer) -> None:
    """No payload, no answer to a ping; the client must find out by itself."""
    async with raw_socket(slack) as socket:
        await socket.receive_json()
        slack.socket.dead()
        delivery = await slack.event({"type": "app_mention"})
        await socket.ping()
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.1)
        assert not socket.closed
        assert not await delivery.done
        slack.socket.drop()
    async with bot_of(slack):
        slack.socket.dead()
        await slack.until(lambda: slack.socket.opened == 3)


async def test_pings_are_answered_both_ways(slack: SlackServer) -> None:
    """As on any web socket."""
    async with bot_of(slack):
        connection = slack.socket.connections[0]
        await slack.until(lambda: connection.pings > 0)
        await slack.socket.ping()
        await slack.until(lambda: connection.pongs > 0)


async def test_socket_mode_can_be_switched_off(slack: SlackServer) -> None:
    """Those who are there are told, and those who come."""
    async with raw_socket(slack) as socket:
        await socket.receive_json()
        await slack.socket.disable()
        assert (await socket.receive_json())["reason"] == "link_disabled"
    async with raw_socket(slack) as socket:
        assert (await socket.receive_json())["reason"] == "link_disabled"
    slack.socket.enable()
    async with raw_socket(slack) as socket:
        assert (await socket.receive_json())["type"] == "hello"


# -- faults of the Web API


async def test_rate_limited_as_often_as_planned(slack: SlackServer, client: AsyncWebClient) -> None:
    """429 with a Retry-After that need not be whole, for two calls, after one good one."""
    planned = slack.faults.add("chat.postMessage", RateLimited(0.3), times=2, after=1)
    await client.chat_postMessage(channel="C_OPS", text="1")
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="C_OPS", text="2")
        assert caught.value.response.headers["Retry-After"] == "0.3"
    await client.chat_postMessage(channel="C_OPS", text="3")
    assert planned.hits == 2
    assert [each.plain for each in slack.channel("C_OPS").messages] == ["1", "3"]
    assert [call.ok for call in slack.calls] == [True, False, False, True]


async def test_a_lost_response_means_the_work_was_done(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """The client sees a broken connection, the channel the message."""
    slack.faults.add("chat.postMessage", LostResponse())
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.chat_postMessage(channel="C_OPS", text="there")
    assert [each.plain for each in slack.channel("C_OPS").messages] == ["there"]


async def test_a_lost_request_means_it_was_not(slack: SlackServer, client: AsyncWebClient) -> None:
    """The client sees the same, the channel nothing; only calls that match meet it."""
    slack.faults.add("*", LostRequest(), when=lambda args: args.get("text") == "bad")
    await client.chat_postMessage(channel="C_OPS", text="good")
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.chat_postMessage(channel="C_OPS", text="bad")
    assert [each.plain for each in slack.channel("C_OPS").messages] == ["good"]


async def test_server_errors_and_slacks_own(slack: SlackServer, client: AsyncWebClient) -> None:
    """A 503 with a page of HTML, and an error that Slack words itself."""
    slack.faults.add("chat.postMessage", ServerError(503))
    slack.faults.add("chat.postMessage", Fails("internal_error"))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C_OPS", text="x")
    assert caught.value.response.status_code == 503
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x"))
    assert refused["error"] == "internal_error"
    assert slack.channel("C_OPS").messages == []


async def test_slow_and_hanging_answers(slack: SlackServer, client: AsyncWebClient) -> None:
    """A slow answer's work is done at once; one that never comes has none."""
    slack.faults.add("chat.postMessage", Slow(0.2))
    before = time.monotonic()
    posting = asyncio.create_task(client.chat_postMessage(channel="C_OPS", text="slow"))
    await slack.until(lambda: slack.channel("C_OPS").messages)
    assert not posting.done()
    await posting
    assert time.monotonic() - before >= 0.2
    slack.faults.add("chat.postMessage", Hang())
    client.timeout = 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.chat_postMessage(channel="C_OPS", text="never"), 0.2)
    assert len(slack.channel("C_OPS").messages) == 1


async def test_slack_can_go_down_and_come_back(slack: SlackServer, client: AsyncWebClient) -> None:
    """All connections break, new ones are refused, and the bot finds it again where it was."""
    async with bot_of(slack):
        url = slack.url
        await slack.down()
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.auth_test()
        await slack.up()
        assert slack.url == url
        await slack.connected()
        await client.auth_test()


async def test_until_shows_what_slack_shows(slack: SlackServer, client: AsyncWebClient) -> None:
    """A condition that does not come true fails with the transcript."""
    await client.chat_postMessage(channel="C_OPS", text="something else")
    with pytest.raises(AssertionError, match="something else"):
        await slack.until(lambda: len(slack.channel("C_OPS").messages) == 2, timeout=0.05)


async def test_without_a_record_only_counts_are_kept() -> None:
    """What a benchmark needs: nothing grows with the number of calls."""
    async with SlackServer(manifest=Manifest(), record=False, keep=3) as slack, bot_of(slack):
        client = client_of(slack)
        for count in range(10):
            await client.chat_postMessage(channel="C_OPS", text=str(count))
        await slack.person("U_ANN").slash("/deploy shop", channel="C_OPS")
        await slack.until(lambda: slack.calls.counts["chat.postMessage"] == 11)
        assert len(slack.channel("C_OPS").messages) == 3
        assert list(slack.calls) == []
        assert len(slack.socket.deliveries) == 0
