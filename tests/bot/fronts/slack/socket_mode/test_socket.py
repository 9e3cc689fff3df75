"""The connections to Slack survive what happens to connections, and say how they are."""

from __future__ import annotations

import asyncio
import itertools
import time
from functools import partial

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest

from baton.bus.channel import Link
from baton_slack_testing import Fails, ServerError, SlackServer, SocketSettings
from bot.dispatch.reply import Reply
from bot.fronts.slack import SlackChat, Tokens
from bot.fronts.slack.listeners.deliveries import Ack
from bot.fronts.slack.socket_mode import socket, strangers
from bot.fronts.slack.socket_mode.socket import SocketModeClient
from bot.fronts.slack.web_api.calls import SlackApi
from tests.bot.fronts.slack.conftest import new_chat
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher
from tests.support.wait import until


def numbers(slack: SlackServer) -> set[int]:
    """The connections that are open, by number."""
    return {each.number for each in slack.socket.connections}


async def answered(slack: SlackServer) -> bool:
    """A command typed now is answered."""
    reply = await slack.person("U_ANN").slash("/ping prod", channel="C_OPS")
    return reply.error is None


async def test_there_are_two_connections(slack: SlackServer, chat: SlackChat) -> None:
    """With one, each refresh would be a gap."""
    assert numbers(slack) == {1, 2}
    assert chat.link is Link.UP
    assert chat.heard is not None


async def test_a_refresh_leaves_no_gap(slack: SlackServer, chat: SlackChat) -> None:
    """Asked to go, a connection is closed once its successor is open; nobody goes unanswered."""
    going = asyncio.create_task(slack.socket.refresh(grace=0.3))
    asked = 0
    while not {3, 4} <= numbers(slack) or {1, 2} & numbers(slack):
        assert slack.socket.connections
        assert await answered(slack)
        asked += 1
    await going
    assert asked > 0
    assert chat.link is Link.UP
    assert numbers(slack) == {3, 4}


async def test_a_warning_is_enough(slack: SlackServer, chat: SlackChat) -> None:
    """Slack announces a refresh some seconds ahead, and may use the connection until it comes: it
    is Slack who hangs up, so that nothing is lost in between."""
    await slack.socket.warn(grace=1.5)
    await until(lambda: {3, 4} <= numbers(slack))
    while {1, 2} & numbers(slack):
        assert await answered(slack)
    assert {1, 2} & {each.connection for each in slack.socket.deliveries}
    assert numbers(slack) == {3, 4}
    assert await answered(slack)


async def test_what_is_at_work_is_answered_over_a_refresh(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The old connection stays until the answers that are due on it are sent."""
    dispatcher.gate.clear()
    asked = asyncio.create_task(slack.person("U_ANN").slash("/ping prod", channel="C_OPS"))
    await until(lambda: dispatcher.asks)
    delivered_on = slack.socket.deliveries[0].connection
    await slack.socket.refresh(grace=5)
    await until(lambda: {3, 4} <= numbers(slack))
    for _ in range(4):
        assert await (await slack.event({"type": "team_join"})).done
    assert delivered_on in numbers(slack)
    dispatcher.gate.set()
    assert (await asked).ephemeral == "Taken: ping prod"
    assert slack.socket.strange_acks == []
    await until(lambda: numbers(slack) == {3, 4})


async def test_another_connection_carries_the_answer(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """If the connection of a command is lost while the dispatcher works, the other one answers."""
    dispatcher.gate.clear()
    asked = asyncio.create_task(slack.person("U_ANN").slash("/ping prod", channel="C_OPS"))
    await until(lambda: dispatcher.asks)
    slack.socket.refuse()
    brought = slack.socket.deliveries[0].connection
    lost = next(each for each in slack.socket.connections if each.number == brought)
    assert lost.request.transport is not None
    lost.request.transport.abort()
    await until(lambda: brought not in numbers(slack))
    dispatcher.gate.set()
    assert (await asked).delivery.answer is not None
    assert slack.calls.counts["chat.postEphemeral"] == 0


async def test_dropped_connections_come_back(slack: SlackServer, chat: SlackChat) -> None:
    """A reset by the network is noticed at once, and the link says so until it is mended."""
    heard: list[Link] = []
    chat.on_link(heard.append)
    slack.socket.refuse()  # or the first might be back before the second's loss is noticed
    slack.socket.drop()
    await until(lambda: heard == [Link.DOWN])
    slack.socket.accept()
    await until(lambda: numbers(slack) == {3, 4})
    await until(lambda: heard == [Link.DOWN, Link.UP])
    assert await answered(slack)


async def test_a_dead_socket_is_replaced(slack: SlackServer, chat: SlackChat) -> None:
    """Half-open connections deliver nothing and report no error: silence to our pings ends them."""
    started = time.monotonic()
    slack.socket.dead()
    await until(lambda: {3, 4} <= numbers(slack))
    assert time.monotonic() - started < 15
    await until(lambda: numbers(slack) == {3, 4})
    assert await answered(slack)


async def test_a_quiet_connection_is_replaced(slack: SlackServer, calls: SlackApi) -> None:
    """One that answers pings may still deliver nothing (bolt-python#1529); there is no gap."""
    links: list[Link] = []

    async def ticket() -> str:
        return await calls.ticket(slack.app_token)

    async def take(request: SocketModeRequest, ack: Ack) -> None:
        await ack(request.envelope_id, {})

    def changed(link: Link, reason: str) -> None:
        links.append(link)

    kept = SocketModeClient(calls.session, ticket, take, changed, quiet=0.3)
    kept.start()
    await until(lambda: slack.socket.opened >= 6)
    assert set(links) == {Link.UP}
    await kept.drain(1)
    assert links[-1] is Link.DOWN


async def test_slack_away_for_long(slack: SlackServer, chat: SlackChat) -> None:
    """All of Slack is gone and comes back: we go on trying, each time with a new ticket."""
    await slack.down()
    await until(lambda: chat.link is Link.DOWN)
    await until(lambda: "Connect" in chat.link_reason or "connect" in chat.link_reason)
    assert chat.heard is None
    await slack.up()
    await until(lambda: chat.link is Link.UP)
    assert await answered(slack)


async def test_a_ticket_that_expired_is_not_used_again(slack: SlackServer, chat: SlackChat) -> None:
    """Slack refuses the connection: the next try asks for a new URL."""
    asked = slack.calls.counts["apps.connections.open"]
    slack.socket.refuse(times=3)
    slack.socket.drop()
    await until(lambda: numbers(slack) == {3, 4})
    assert slack.calls.counts["apps.connections.open"] == asked + 5


async def test_socket_mode_switched_off(slack: SlackServer, chat: SlackChat) -> None:
    """The link names the switch; to be let in and thrown out at once is no connection."""
    heard: list[Link] = []
    chat.on_link(heard.append)
    asked = slack.calls.counts["apps.connections.open"]
    await slack.socket.disable()
    await until(lambda: slack.calls.counts["apps.connections.open"] >= asked + 4)
    assert heard == [Link.DOWN]
    assert chat.link_reason == "Socket Mode is switched off in the app's settings"


async def test_slack_pings_are_answered(slack: SlackServer, chat: SlackChat) -> None:
    """Or Slack takes us for dead."""
    before = [each.pongs for each in slack.socket.connections]
    await slack.socket.ping()
    await until(
        lambda: [each.pongs for each in slack.socket.connections] == [pong + 1 for pong in before]
    )


async def test_a_refused_ticket_is_tried_again(slack: SlackServer, chat: SlackChat) -> None:
    """An error of apps.connections.open is no end."""
    slack.faults.add("apps.connections.open", ServerError(), times=1)
    slack.faults.add("apps.connections.open", Fails("internal_error"), times=1)
    slack.socket.drop()
    await until(lambda: numbers(slack) == {3, 4})
    await until(lambda: chat.link is Link.UP)


async def test_late_answers_are_counted_by_nobody(dispatcher: FakeDispatcher) -> None:
    """Every command is acknowledged within Slack's 3 s, even if the dispatcher never answers."""
    async with SlackServer(socket=SocketSettings(ack_seconds=3.0)) as slack:
        chat = new_chat(slack, dispatcher)
        await chat.start()
        await slack.connected(2)
        dispatcher.gate.clear()
        dispatcher.reply = lambda text: Reply("Taken")
        replies = await asyncio.gather(
            *(slack.person("U_ANN").slash("/ping prod", channel="C_OPS") for _ in range(20))
        )
        assert [reply.error for reply in replies] == [None] * 20
        assert slack.socket.late_acks == 0
        await chat.close()


async def test_connections_that_never_last_do_not_hammer(
    slack: SlackServer, chat: SlackChat
) -> None:
    """Slack lets us in and throws us out at once, again and again: we wait longer each time."""
    started = time.monotonic()

    def dropped() -> bool:
        slack.socket.drop()
        return slack.socket.opened >= 8

    await until(dropped)
    assert time.monotonic() - started > 2


async def test_one_lane_is_soon_back(slack: SlackServer, chat: SlackChat) -> None:
    """On a network that loses each connection at once, one of the two waits for seconds at the
    most, however long that goes on: people are not left alone."""
    lost: list[float] = []

    def dropped() -> bool:
        if slack.socket.connections:
            lost.append(time.monotonic())
            slack.socket.drop()
        return len(lost) >= 12

    await until(dropped)
    assert max(later - before for before, later in itertools.pairwise(lost)) < 6


async def test_a_planned_refresh_is_no_loss(slack: SlackServer, chat: SlackChat) -> None:
    """However soon the next: a connection that is replaced as Slack asks is replaced at once."""
    for number in range(1, 5):
        begun = time.monotonic()
        await asyncio.sleep(
            socket.MIN_REFRESH_LIFETIME * 1.05
        )  # younger than that, it was not planned
        await slack.socket.refresh(grace=2.0)
        await until(partial(opened, slack, 2 * number + 2))
        assert time.monotonic() - begun < socket.MIN_REFRESH_LIFETIME + 3


def opened(slack: SlackServer, number: int) -> bool:
    """Whether the connection of that number is open."""
    return number in numbers(slack)


async def test_strangers_with_our_tokens_are_seen(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is connected with them gets a part of what people ask; once it is gone, all
    is well. A bot of the same ledger is none."""
    monkeypatch.setattr(strangers, "RECHECK_INTERVAL", 0.3)
    monkeypatch.setattr(strangers, "WATCH_INTERVAL", 0.3)
    assert chat.strangers == 0
    other = new_chat(slack, dispatcher)
    await other.start()
    await until(lambda: other.strangers == 2)
    await chat.close()
    await until(lambda: other.strangers == 0)
    await other.close()


async def test_bots_of_one_ledger_are_no_strangers(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says that it is there, and knows how many others are."""
    monkeypatch.setattr(strangers, "RECHECK_INTERVAL", 0.3)

    async def others(strange: int) -> int:
        return 1

    tokens = Tokens(slack.bot_token, slack.app_token)
    other = SlackChat(dispatcher, tokens, api_url=slack.url, others=others)
    await other.start()
    await slack.connected(4)
    await until(lambda: other.link is Link.UP)
    await asyncio.sleep(0.5)
    assert other.strangers == 0
    await other.close()


async def test_other_bots_are_counted_again_and_again(
    slack: SlackServer, dispatcher: FakeDispatcher
) -> None:
    """Whoever runs the recurring work of the bot has them counted; before there is a connection
    nobody is told that this bot is there."""
    counted: list[int] = []

    async def others(strange: int) -> int:
        counted.append(strange)
        return 1

    made = SlackChat(
        dispatcher, Tokens(slack.bot_token, slack.app_token), api_url=slack.url, others=others
    )
    await made.check_other_bots()
    assert counted == []
    await made.start()
    before = len(counted)
    await made.check_other_bots()
    assert len(counted) == before + 1
    await made.close()


def test_what_is_only_closing_is_no_stranger() -> None:
    """A count that is too high is looked at again before it is said; whatever is not known of our
    own bots is never held against others."""
    seen = strangers.ForeignConnections()
    assert seen.seconds_to_next_check(0.0) is None
    assert not seen.observe(4, 2, 0.0)
    assert (seen.count, seen.seconds_to_next_check(5.0)) == (0, strangers.RECHECK_INTERVAL - 5)
    assert not seen.observe(4, 2, 5.0), "too soon to be sure"
    assert not seen.observe(2, 2, 25.0)
    assert (seen.count, seen.seconds_to_next_check(25.0)) == (0, None)
    seen.observe(4, 2, 30.0)
    assert seen.observe(4, 2, 30.0 + strangers.RECHECK_INTERVAL)
    assert seen.count == 2
    assert seen.observe(2, 2, 90.0)
    assert seen.count == 0


async def test_no_ticket_is_shown(slack: SlackServer, chat: SlackChat) -> None:
    """The URL of a connection is a secret for as long as its ticket is good."""
    slack.socket.refuse()
    slack.socket.drop()
    await until(lambda: "HTTP 503" in chat.link_reason)
    assert "ticket" not in chat.link_reason
