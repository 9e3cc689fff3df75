"""Faults of the Web API, and the tools around them."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    Fails,
    Hang,
    LostRequest,
    LostResponse,
    Manifest,
    RateLimited,
    ServerError,
    SlackServer,
    Slow,
)

from .clients import bot_of, client_of, error_of


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
