"""What a network and a busy Slack do while a job is told: all is said, once, in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

from baton_slack_testing import (
    Fails,
    LostRequest,
    LostResponse,
    RateLimited,
    ServerError,
    SlackServer,
)
from baton_slack_testing.faults import Fault
from tests.stories.together import together
from tests.stories.world import World, cards_of
from tests.support.broker import Broker
from tests.support.wait import until


async def calls_that_fail(world: World) -> None:
    """Slack is too busy (Retry-After), out of order, or its answer is lost though the message is
    there: no call is given up, none is done twice, and Retry-After is kept; though Slack's clock is
    three minutes behind ours."""
    faults = world.slack.faults
    world.slack.workspace.behind = 180.0
    busy = RateLimited(1.5)
    main: list[Fault] = [busy, LostRequest(), LostResponse()]
    thread: list[Fault] = [ServerError(), busy, LostResponse()]
    edits: list[Fault] = [busy, Fails("fatal_error"), LostResponse()]
    for fault in main:
        faults.add("chat.postMessage", fault, when=lambda args: not args.get("thread_ts"))
    for fault in thread:
        faults.add("chat.postMessage", fault, when=lambda args: bool(args.get("thread_ts")))
    for fault in edits:
        faults.add("chat.update", fault)
    faults.add("conversations.history", ServerError(502))
    faults.add("conversations.replies", RateLimited(0.5))
    await world.starts("web-1", "web-2")
    await world.ann.slash("/deploy shop prod")
    await world.ends("succeeded", timeout=100)
    calls = list(world.slack.calls)
    for turned_away in (call for call in calls if call.fault is busy):
        later = next(
            call
            for call in calls
            if call.at > turned_away.at
            and call.method == turned_away.method
            and bool(call.args.get("thread_ts")) == bool(turned_away.args.get("thread_ts"))
        )
        assert later.at - turned_away.at >= 1.5
    assert [agent.starts for agent in world.agents.values()] == [1, 1]


async def the_same_ask_twice(world: World) -> None:
    """Slack may deliver anything twice, to either connection: it is one job."""
    await world.starts("web-1")
    world.hold()
    reply = await world.ann.slash("/deploy shop prod")
    again = [await world.slack.redeliver(reply.delivery) for _ in range(3)]
    assert all(await asyncio.gather(*(delivery.done for delivery in again)))
    await world.building()
    await world.slack.redeliver(reply.delivery)
    world.go_on()
    await world.ends("succeeded")
    late = await world.slack.redeliver(reply.delivery)
    assert await late.done
    await world.ends("succeeded")
    assert world.agents["web-1"].starts == 1


async def renewed(slack: SlackServer, trouble: Coroutine[None, None, None]) -> None:
    """Cause `trouble`, and wait until both connections were opened anew."""
    enough = slack.socket.opened + 2
    await trouble
    await slack.until(lambda: slack.socket.opened >= enough)


async def connections_that_come_and_go(world: World) -> None:
    """Refreshed, dropped and dead connections, and all of Slack away for a moment: what is under
    way goes on, and whoever asks afterwards is answered."""
    await world.starts("web-1")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    slack = world.slack
    for trouble in (slack.socket.refresh(grace=0.5), slack.socket.warn(grace=0.5)):
        await renewed(slack, trouble)
        reply = await world.ben.slash("/servers")
        assert "web-1" in (reply.ephemeral or "")
    slack.socket.dead()
    dead = {connection.number for connection in slack.socket.connections}
    await until(lambda: not dead & {each.number for each in slack.socket.connections})
    await slack.connected(2)
    await slack.down()
    world.go_on()
    await until(lambda: world.agents["web-1"].live == "v2")
    await slack.up()
    post = await world.ends("succeeded")
    assert cards_of(post) == {"web-1": "succeeded"}
    await slack.connected(2)
    reply = await world.ben.slash("/servers")
    assert reply.error is None


async def test_faults_of_slack(broker: Broker, tmp_path: Path) -> None:
    """What each of the functions above says, in a world of its own."""
    cases = (calls_that_fail, the_same_ask_twice, connections_that_come_and_go)
    await together(broker, tmp_path, {case.__name__: case for case in cases})
