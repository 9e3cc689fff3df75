"""Looking things up, files, and how arguments come."""

from __future__ import annotations

import io
import json

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    SlackServer,
)

from .clients import error_of, section


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
    slack.add_channel("G_X", "x", kind="mpim")
    history = client.conversations_history
    assert (await error_of(history(channel="C_DEV")))["error"] == "not_in_channel"
    assert (await error_of(history(channel="G_X")))["needed"] == "mpim:history"
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
