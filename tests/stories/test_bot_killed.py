"""kill -9 of the bot between every two steps of asking, sending and telling.

Each time: the same thread, nothing twice, each build started once, and the end is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from baton_slack_testing.args import Args
from tests.stories.kills import killed_twice
from tests.stories.ledger import locked
from tests.stories.together import Case, together
from tests.stories.world import World
from tests.support.broker import Broker
from tests.support.relay import Relay
from tests.support.wait import until

LONG = 60.0
"""Seconds: the lease of a bot that was killed must run out, twice, on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A call of telling: the bot dies before it has its effect, and again after that."""

    method: str
    when: Callable[[Args], bool]
    ends: str = "succeeded"

    async def __call__(self, world: World) -> None:
        await world.starts("web-1")
        web = world.agents["web-1"]
        if self.ends == "failed":
            web.falls_sick("v2")
        world.hold()
        web.process.freeze(True)
        async with killed_twice(world, self.method, self.when):
            await world.ann.slash("/deploy shop prod")
            await until(lambda: world.posts, LONG)
            web.process.freeze(False)
            await world.building()
            post = await world.shows("running", timeout=LONG)
            await until(lambda: world.thread(post), LONG)
            world.go_on()
            assert await world.ends(self.ends, timeout=LONG) is post
        assert web.starts == 1


def says(*words: str) -> Callable[[Args], bool]:
    """Calls whose words for notifications hold all of `words`."""
    return lambda args: all(word in str(args["text"]) for word in words)


TELLING: dict[str, Case] = {
    "the post": Telling("chat.postMessage", lambda args: not args.get("thread_ts")),
    "the thread": Telling("chat.postMessage", lambda args: bool(args.get("thread_ts"))),
    "progress": Telling("chat.update", says("running")),
    "the end": Telling("chat.update", says("succeeded", "deploy shop prod:")),
    "the end of a server": Telling("chat.update", says("succeeded", "web-1:")),
    "a failure aloud": Telling(
        "chat.postMessage", lambda args: bool(args.get("reply_broadcast")), ends="failed"
    ),
}


async def before_it_is_kept(world: World) -> None:
    """Died with the words in hand, and nothing in the ledger: the person is not told that it was
    taken, and asks again."""
    await world.starts("web-1")
    with locked(world.folder / "baton.db"):
        reply = await world.ann.slash("/deploy shop prod")
        assert "not known yet" in (reply.ephemeral or "")
        await world.bot_dies()
    assert world.ledger.jobs() == 0
    world.bot()
    await world.sees("web-1")
    await world.ann.slash("/deploy shop prod")
    await world.ends("succeeded")
    assert world.agents["web-1"].starts == 1


async def when_it_was_answered(world: World) -> None:
    """Died the moment that the person was answered: what was taken is done."""
    await world.starts("web-1")
    reply = await world.ann.slash("/deploy shop prod")
    await world.bot_dies()
    assert reply.error is None
    world.bot()
    await world.ends("succeeded")
    assert world.agents["web-1"].starts == 1


async def before_it_is_sent(world: World) -> None:
    """Died with the request in the outbox: the next bot sends it."""
    async with Relayed(world) as relay:
        relay.silence(True)
        await world.ann.slash("/deploy shop prod")
        await until(lambda: world.ledger.unsent() == 1)
        await world.bot_dies()
        world.bot()
        await world.ends("succeeded")
    assert world.agents["web-1"].starts == 1


async def before_it_is_confirmed(world: World) -> None:
    """Died with the request on the bus, not knowing so: it is sent twice, and started once."""
    async with Relayed(world) as relay:
        web = world.agents["web-1"].process
        await until(lambda: world.queued("agent.web-1") == 0)
        web.freeze(True)
        relay.silence(True, answers_only=True)
        await world.ann.slash("/deploy shop prod")
        await until(lambda: world.queued("agent.web-1") >= 1)
        await world.bot_dies()
        assert world.ledger.unsent() == 1
        world.bot()
        await until(lambda: world.ledger.unsent() == 0)
        web.freeze(False)
        await world.ends("succeeded")
        await until(lambda: world.queued("agent.web-1") == 0)
    assert web.log.count("event=accepted") == 1
    assert world.agents["web-1"].starts == 1


async def while_it_is_done(world: World) -> None:
    """Died with the build under way: what is reported meanwhile waits on the bus."""
    await world.starts("web-1")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    await world.bot_dies()
    world.go_on()
    await until(lambda: world.agents["web-1"].live == "v2")
    world.bot()
    post = await world.ends("succeeded")
    assert "built v2" in world.thread(post)["web-1"].plain
    assert world.agents["web-1"].starts == 1


class Relayed:
    """A world whose first bot reaches the bus through a relay."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.relay = Relay(world.broker.port)

    async def __aenter__(self) -> Relay:
        await self.relay.start()
        bus = self.world.bus.replace(f":{self.world.broker.port}/", f":{self.relay.port}/")
        await self.world.starts("web-1", bus=bus)
        return self.relay

    async def __aexit__(self, *_: object) -> None:
        await self.relay.close()


ASKING: dict[str, Case] = {
    "not kept": before_it_is_kept,
    "answered": when_it_was_answered,
    "not sent": before_it_is_sent,
    "not confirmed": before_it_is_confirmed,
    "being done": while_it_is_done,
}


async def test_the_bot_is_killed(broker: Broker, tmp_path: Path) -> None:
    """Wherever the request is at that moment: in hand, in the ledger, on the bus, on the server;
    and whichever call to Slack it is that the bot dies in, done or not."""
    await together(broker, tmp_path, {**TELLING, **ASKING}, at_once=6)
