"""Agents that die, are asked twice, are stopped, or are not there."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aio_pika

from tests.stories.together import together
from tests.stories.world import World, cards_of, key_of
from tests.support.broker import Broker
from tests.support.wait import until


async def killed_in_a_step(world: World) -> None:
    """kill -9 of an agent: when it is back it says `interrupted`, and starts nothing again. What it
    left running is ended by the next deploy."""
    await world.starts("web-1", "web-2")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    web = world.agents["web-1"]
    web.process.kill()
    web.restart()
    await world.shows("web-1: interrupted")
    world.go_on()
    post = await world.ends("interrupted")
    assert cards_of(post) == {"web-1": "interrupted", "web-2": "succeeded"}
    assert "restarted during the run" in world.broadcasts[0].plain
    assert (web.starts, web.live) == (1, None)
    await world.ann.slash("/deploy shop prod --host web-1")
    await world.ends("succeeded", jobs=2)
    assert (web.starts, web.live) == (2, "v2")


async def a_request_that_comes_twice(world: World) -> None:
    """Whenever the same request comes again, under way or done, it is started once."""
    await world.starts("web-1")
    world.hold()
    async with await aio_pika.connect(world.admin) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("baton.in")
        mine = await channel.declare_queue(exclusive=True)
        await mine.bind(exchange, "host.web-1")
        await world.ann.slash("/deploy shop prod")
        await world.building()
        request = await mine.get(timeout=60)
        assert request.type == "baton.request"

        async def again() -> None:
            twin = aio_pika.Message(
                request.body, content_type=request.content_type, type=request.type
            )
            await exchange.publish(twin, "host.web-1", mandatory=True, timeout=60)
            await until(lambda: world.queued("agent.web-1") == 0)
            # what the agent makes of it, it has made by the time it answers what came later
            await world.ann.slash("/ping prod web-1")
            await world.shows("1 of 1 answered")

        await again()
        world.go_on()
        post = world.posts[0]
        await until(lambda: cards_of(post) == {"web-1": "succeeded"})
        await again()
        web = world.agents["web-1"]
        assert web.process.log.count("event=accepted") == 1
        web.process.kill()
        web.restart()
        await again()
        assert web.process.log.count("event=accepted") == 0
    assert (web.starts, cards_of(post)) == (1, {"web-1": "succeeded"})


async def nobody_listens(world: World) -> None:
    """A server whose queue is gone is `unroutable` within seconds; of one that is only silent the
    post says since when; an agent that comes back too late says `expired` itself."""
    await world.starts("web-1", "web-2", "web-3", "web-4")
    agents = world.agents
    agents["web-4"].process.freeze(True)
    agents["web-2"].process.kill()
    assert await agents["web-3"].process.stop() == 0
    agents["web-1"].process.kill()
    await until(lambda: world.queued("agent.web-1") == 0)
    world.unlink("agent.web-1")
    pinged = time.monotonic()
    await world.ann.slash("/ping prod web-4")
    await world.ann.slash("/deploy shop prod --host web-1")
    post = await world.shows("web-1: unroutable", timeout=10)
    await world.slack.until(lambda: world.broadcasts)
    assert "unroutable on web-1" in world.broadcasts[0].plain
    assert cards_of(post) == {"web-1": "unroutable"}
    for host, words in (
        ("web-2", "no heartbeat since"),
        ("web-3", "which was stopped at"),
    ):
        await world.ann.slash(f"/deploy shop prod --host {host}")
        post = await world.shows("waiting for its agent", words, " UTC")
        await world.ann.clicks(post, "cancel")
    reply = await world.ann.slash("/servers")
    assert "missing" in (reply.ephemeral or "")
    # a ping must be taken up within 5 s
    await asyncio.sleep(max(5.5 - (time.monotonic() - pinged), 0))
    agents["web-4"].process.freeze(False)
    ping = world.posts[0]
    await world.slack.until(lambda: "0 of 1 answered; missing: web-4" in ping.plain)
    assert world.ledger.states(key_of(ping)) == {"web-4": "expired"}


async def test_agents(broker: Broker, tmp_path: Path) -> None:
    """What each of the functions above says, in a world of its own."""
    cases = (killed_in_a_step, a_request_that_comes_twice, nobody_listens)
    await together(broker, tmp_path, {case.__name__: case for case in cases})
