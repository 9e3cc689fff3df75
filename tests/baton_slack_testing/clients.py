"""Slack's own clients, set up for the server under test, and blocks to send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    SlackServer,
    SocketSettings,
)

Block = dict[str, Any]


def quick() -> SocketSettings:
    """Short times, of this test's own."""
    return SocketSettings(ack_seconds=1.0, retry_delays=(0.0, 0.0, 0.0))


def client_of(slack: SlackServer, token: str | None = None) -> AsyncWebClient:
    client = AsyncWebClient(token or slack.bot_token, base_url=slack.url, timeout=60)
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
