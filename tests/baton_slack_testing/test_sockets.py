"""Socket Mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from baton_slack_testing import (
    SlackServer,
)

from .clients import bot_of, client_of


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
    """No payload, no answer to a ping or a close; the client must find out by itself."""
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
    async with raw_socket(slack) as socket:
        await socket.receive_json()
        slack.socket.dead()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.close(), 0.1)
        slack.socket.drop()
    async with bot_of(slack):
        slack.socket.dead()
        await slack.until(lambda: slack.socket.opened == 4)
        await slack.until(lambda: not any(each.dead for each in slack.socket.connections))


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
