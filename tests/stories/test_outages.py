"""The bus or the database is away: people are answered in time, told what became of it, and what
was taken is done once it is back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.stories.ledger import locked
from tests.stories.world import World, cards_of
from tests.support.broker import Broker
from tests.support.wait import until

SERVERS = ("web-1", "web-2", "web-3")


class UnderWay:
    """A deploy goes on without the bus, and nothing that it says is lost. Meanwhile the post says
    that we do not see; nobody is said to be down."""

    async def before(self, world: World) -> None:
        await world.starts(*SERVERS)
        world.hold()
        await world.ann.slash("/deploy shop prod")
        await world.building()
        await world.shows("running")

    async def meanwhile(self, world: World) -> None:
        post = await world.shows("No connection to RabbitMQ since")
        assert cards_of(post) == dict.fromkeys(SERVERS, "running")
        world.go_on()
        await until(lambda: all(agent.live == "v2" for agent in world.agents.values()))
        servers = await world.ben.slash("/servers")
        assert servers.ephemeral is not None
        assert "missing" not in servers.ephemeral

    async def after(self, world: World) -> None:
        post = await world.ends("succeeded")
        assert "We have not seen" not in post.plain
        for words in world.thread(post).values():
            for line in ("building v2", "built v2", "test 3 of 3: ok", "serving v2", "is live"):
                assert line in words.plain
        assert [agent.starts for agent in world.agents.values()] == [1, 1, 1]
        assert world.broadcasts == []


class Started:
    """A bot that has never seen the bus answers within 3 s, from its ledger, and says what becomes
    of what is asked; it goes on when the bus comes."""

    async def before(self, world: World) -> None:
        await world.starts("web-1")
        assert await world.bots[-1].stop() == 0

    async def meanwhile(self, world: World) -> None:
        world.bot()
        await world.sees("web-1")
        servers = await world.ann.slash("/servers")
        assert servers.error is None
        assert "web-1" in (servers.ephemeral or "")
        assert "missing" not in (servers.ephemeral or "")
        assert "no connection to RabbitMQ since" in (servers.ephemeral or "")
        reply = await world.ann.slash("/deploy shop prod")
        assert reply.acked_after is not None
        assert reply.acked_after < 3
        post = await world.shows("No connection to RabbitMQ since", "waiting for its agent")
        assert cards_of(post) == {"web-1": "queued"}

    async def after(self, world: World) -> None:
        await world.ends("succeeded")
        assert world.agents["web-1"].starts == 1


async def test_the_bus_is_away_for_20_seconds(broker: Broker, tmp_path: Path) -> None:
    """Under way, or just started: each world's own docstring says what holds in it."""
    async with World(broker, tmp_path / "one") as one, World(broker, tmp_path / "two") as two:
        worlds = ((UnderWay(), one), (Started(), two))
        await asyncio.gather(*(story.before(world) for story, world in worlds))
        await broker.stop()
        gone = time.monotonic()
        await asyncio.gather(*(story.meanwhile(world) for story, world in worlds))
        await asyncio.sleep(20 - (time.monotonic() - gone))
        await broker.start()
        await asyncio.gather(*(story.after(world) for story, world in worlds))


async def test_the_database_is_locked_for_4_seconds(world: World) -> None:
    """Another process keeps SQLite locked: who asks is answered within 3 s and told in the end that
    nothing was done; what is under way is told when the lock is gone."""
    await world.starts("web-1")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    with locked(world.folder / "baton.db"):
        since = time.monotonic()
        world.go_on()
        reply = await world.ben.slash("/deploy shop prod --ref v1")
        assert reply.acked_after is not None
        assert reply.acked_after < 3
        assert reply.ephemeral is not None
        words = "Nothing was done"
        await world.slack.until(lambda: words in (reply.ephemeral or ""))
        assert "locked" in (reply.ephemeral or "")
        await asyncio.sleep(4 - (time.monotonic() - since))
    post = await world.ends("succeeded")
    assert "built v2" in world.thread(post)["web-1"].plain
    await world.ben.slash("/deploy shop prod --ref v1")
    await world.ends("succeeded", jobs=2)
    assert world.agents["web-1"].starts == 2
    assert world.ledger.jobs() == 2
