"""Slack's rate limits."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from baton_slack_testing import (
    Manifest,
    RateLimits,
    SlackServer,
)

from .clients import client_of


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
        now[0] = 59.9
        with pytest.raises(SlackApiError):
            await client.chat_update(channel="C_OPS", ts=ts, text="z")
        now[0] = 60.0
        await client.chat_update(channel="C_OPS", ts=ts, text="z")
