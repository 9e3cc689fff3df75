"""Alerts in Slack, by the bot as a process: said once and truly, whatever happens on the way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from baton_slack_testing import LostRequest, LostResponse, Message, RateLimited
from bot.posts.delays import LATE_AFTER
from tests.stories.kills import killed_twice
from tests.stories.ledger import Ledger
from tests.stories.together import together_in
from tests.stories.watch import CHANNELS, ON_CALL, OTHER, WatchedWorld, of
from tests.stories.world import CHANNEL, Asker
from tests.support.broker import Broker
from tests.support.postgres import Postgres
from tests.support.wait import until

Case = Callable[[WatchedWorld], Awaitable[None]]


async def taken_on(world: WatchedWorld) -> None:
    """Whoever takes it on in one channel is named in both. Slack may deliver a click twice, and a
    second person may ask too late: it stays the first one's, and there is nothing to press. Those
    on call are named in the first message of all, and in no edit of it."""
    await world.watches()
    world.thing.break_it()
    posts = await world.says("firing, critical: tcp")
    assert [ON_CALL in post.plain for post in posts] == [True, False]
    reply = await world.ben.clicks(posts[1], "ask.acknowledge")
    again = await world.slack.redeliver(reply.delivery)
    assert await again.done
    await world.says("acknowledged, critical: tcp", "acknowledged by ben")
    with pytest.raises(LookupError, match="no button"):
        await world.ann.clicks(posts[0], "ask.acknowledge")
    reply = await world.ann.slash("/alerts ack tcp")
    await world.slack.until(lambda: "ben already acknowledged that" in (reply.ephemeral or ""))
    await world.all_told()
    for post in posts:
        assert ON_CALL not in post.plain
        (history,) = world.slack.channel(post.channel).thread(post.ts)
        assert history.plain.count("ben acknowledged") == 1
    assert await world.mended() == posts
    (board,) = world.posted("board/", CHANNEL)
    assert "No active alerts" in board.plain


async def silenced(world: WatchedWorld) -> None:
    """The button opens what it would mute; what is chosen there counts in both channels, once,
    even if Slack delivers it to this bot and to the next."""
    await world.watches()
    world.thing.break_it()
    posts = await world.says("firing, critical: tcp")
    await world.ann.clicks(posts[1], "ask.silence")
    (form,) = await world.slack.until(lambda: world.slack.views)
    assert "would mute tcp probe=shop in prod, and no other firing alert" in str(form["blocks"][0])
    said = {"choice": "4h", "reason": "its disk is full"}
    sent = await world.ann.person.submits(form, channel=OTHER, **said)
    await world.slack.until(lambda: "Silenced for 4 h" in (sent.ephemeral or ""))
    await world.says("silenced by ann: its disk is full")
    await world.bot_dies()
    world.bot()
    await world.sees()
    again = await world.slack.redeliver(sent.delivery)
    assert await again.done
    await world.all_told()
    assert len(world.ledger.ask("SELECT key FROM alert_silences")) == 1
    await world.mended()


async def the_board(world: WatchedWorld) -> None:
    """It is pinned, and not told to anybody; if somebody deletes it there is a new one when
    something changes."""
    await world.watches()
    channel = world.slack.channel(CHANNEL)
    (board,) = world.posted("board/", CHANNEL)
    await world.slack.until(lambda: channel.pinned == [board])
    world.thing.break_it()
    await world.says("1 active alert", key="board/", channels=(CHANNEL,))
    channel.remove(board)
    await world.mended()
    (board,) = await world.says("No active alerts", key="board/", channels=(CHANNEL,))
    assert channel.pinned == [board]


async def dies_with_the_pin(world: WatchedWorld) -> None:
    """kill -9 when the board is there and not pinned yet, and when Slack has just pinned it: in the
    end there is one board, and it is pinned."""
    async with killed_twice(world, "pins.add", lambda args: True):
        world.bot()
        channel = world.slack.channel(CHANNEL)
        await world.slack.until(lambda: len(channel.pinned) == 1)
        await until(lambda: len(world.bots) == 3)
    await world.sees()
    world.thing.break_it()
    await world.says("1 active alert", key="board/", channels=(CHANNEL,))
    await world.mended()
    assert channel.pinned == world.posted("board/", CHANNEL)


async def calls_that_fail(world: WatchedWorld) -> None:
    """Too busy, never arrived, answer lost: each post is there once, and true in the end. What a
    limit of Slack's held back says so."""
    busy, faults = RateLimited(5.5), world.slack.faults
    for fault in (busy, LostRequest(), LostResponse()):
        faults.add("chat.postMessage", fault, when=of("alert/"))
    for fault in (LostResponse(), RateLimited(0.5), LostRequest()):
        faults.add("chat.update", fault, when=of("alert/", "resolved"))
    await world.watches()
    world.thing.break_it()
    posts = await world.says("firing, critical: tcp")
    held = [post for post in posts if "1 update delayed" in post.plain]
    assert held, [post.plain for post in posts]
    assert await world.mended() == posts
    assert "delayed" not in held[0].plain


async def slack_is_away(world: WatchedWorld) -> None:
    """While Slack cannot be reached nothing is decided, so nobody is called down; when it is back
    both channels hear since when, and how late they hear it, and then what is wrong now."""
    await world.watches()
    await world.slack.down()
    world.thing.break_it()
    # that we are blind waits in both channels, for longer than what is told in time
    blind = re.compile(r'"cannot post yet, will retry" subject=(blind/\S+)')
    await until(lambda: len(set(blind.findall(world.bots[-1].log))) == len(CHANNELS), every=0.1)
    await asyncio.sleep(LATE_AFTER + 0.5)
    await world.slack.up()
    await world.says("Monitoring was blind for", key="blind/")
    late = [call for call in world.slack.calls if "while Slack was unreachable" in str(call.args)]
    told = {call.args["channel"] for call in late if call.method == "chat.postMessage"}
    assert told == set(CHANNELS), "the first that gets through says that it is late"
    posts = await world.says("firing, critical: tcp")
    assert await world.mended() == posts
    assert all(len(world.posted("blind/", channel)) == 1 for channel in CHANNELS)


async def dies_with_the_post(world: WatchedWorld) -> None:
    """kill -9 when the post is on its way, before Slack has it and after."""
    await world.watches()
    async with killed_twice(world, "chat.postMessage", of("alert/", channel=OTHER)):
        world.thing.break_it()
        posts = await world.says("firing, critical: tcp")
    assert await world.mended() == posts


async def dies_with_the_end(world: WatchedWorld) -> None:
    """kill -9 when the last edit is on its way, before Slack has it and after."""
    await world.watches()
    world.thing.break_it()
    posts = await world.says("firing, critical: tcp")
    async with killed_twice(world, "chat.update", of("alert/", "resolved", OTHER)):
        await world.thing.mend()
        assert await world.says("resolved: tcp") == posts
        await until(lambda: len(world.bots) == 3)
    await world.all_told()


CASES: Mapping[str, Case] = {
    case.__name__: case
    for case in (
        taken_on,
        silenced,
        the_board,
        calls_that_fail,
        slack_is_away,
        dies_with_the_pin,
        dies_with_the_post,
        dies_with_the_end,
    )
}


@pytest.mark.timeout(150)
async def test_alerts(broker: Broker, tmp_path: Path) -> None:
    """What each of the functions above says, in a world of its own."""
    await together_in(WatchedWorld, broker, tmp_path, CASES, at_once=6)


@pytest.mark.timeout(90)
async def test_two_bots_on_one_database(
    broker: Broker, postgres: Postgres, postgres_database: str, tmp_path: Path
) -> None:
    """One of them tells, whichever is asked; kill -9 of it, and the other goes on in the same
    posts."""
    ledger = Ledger.postgres(postgres, postgres_database)
    async with WatchedWorld(broker, tmp_path, ledger=ledger) as world:
        await world.watches()
        leader = world.bots[-1]
        world.bot("second")
        await world.slack.connected(4, timeout=30)
        world.thing.break_it()
        posts = await world.says("firing, critical: tcp")
        await _asks_both(world, posts[0])
        leader.kill()
        await world.slack.until(lambda: len(world.slack.socket.connections) == 2)
        await world.ben.clicks(posts[0], "ask.acknowledge")
        await world.says("acknowledged by ben")
        assert await world.mended() == posts


async def _asks_both(world: WatchedWorld, post: Message) -> None:
    """Slack delivers in turn, so each of two bots with two connections is asked; by somebody else
    each time, for the same press by the same person is a double click."""
    for number in range(4):
        asker = Asker(world.slack.person(f"U_ASKER{number}"))
        reply = await asker.clicks(post, "ask.why")
        found = await world.slack.until(lambda r=reply: r.ephemeral, 10)  # type: ignore[misc]
        assert f"sends it to {OTHER}" in str(found)
