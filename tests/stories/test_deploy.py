"""`/deploy shop prod`, from the words in the channel to the links on the servers, and back."""

from __future__ import annotations

from pathlib import Path

from tests.stories.together import together
from tests.stories.world import World, cards_of, head_of
from tests.support.broker import Broker

SERVERS = ("web-1", "web-2", "web-3")


async def three_servers(world: World) -> None:
    """The channel gets one post: who asked what, and a card for each server; what the servers say
    goes to its thread. A second deploy, of another version, gets a thread of its own."""
    await world.starts(*SERVERS)
    world.hold()
    reply = await world.ann.slash("/deploy shop prod")
    assert reply.acked_after is not None
    assert reply.acked_after < 3
    await world.building()
    post = await world.shows("running")
    assert "<@U_ANN> ran: `deploy shop prod`" in post.plain
    assert cards_of(post) == dict.fromkeys(SERVERS, "running")
    assert "Cancel" in post.plain
    world.go_on()
    assert await world.ends("succeeded") is post
    assert "3 of 3" in head_of(post)
    for name, words in world.thread(post).items():
        for line in ("building v2", "built v2", "test 3 of 3: ok", "serving v2"):
            assert line in words.plain, name
    assert set(world.thread(post)) == set(SERVERS)
    assert [agent.live for agent in world.agents.values()] == ["v2"] * 3
    assert world.broadcasts == []

    await world.ann.slash("/deploy shop prod --ref v1")
    second = await world.ends("succeeded", jobs=2)
    assert "deploy shop prod --ref v1" in second.plain
    assert "v1 " in head_of(second)
    assert [agent.live for agent in world.agents.values()] == ["v1"] * 3
    assert [agent.starts for agent in world.agents.values()] == [2, 2, 2]


async def one_server_is_not_well(world: World) -> None:
    """A server that fails its health check goes back to the release before, the others go on; the
    failure is said aloud, once."""
    await world.starts(*SERVERS)
    await world.ann.slash("/deploy shop prod --ref v1")
    await world.ends("succeeded")
    world.agents["web-2"].falls_sick("v2")
    await world.ann.slash("/deploy shop prod --ref v2")
    post = await world.ends("failed", jobs=2)
    assert cards_of(post) == {"web-1": "succeeded", "web-2": "failed", "web-3": "succeeded"}
    assert [agent.live for agent in world.agents.values()] == ["v2", "v1", "v2"]
    (aloud,) = world.broadcasts
    assert "web-2" in aloud.plain
    assert "rolled back to" in aloud.plain
    assert "rolled back to" in world.thread(post)["web-2"].plain


async def test_deploys(broker: Broker, tmp_path: Path) -> None:
    """What each of the functions above says, in a world of its own."""
    cases = (three_servers, one_server_is_not_well)
    await together(broker, tmp_path, {case.__name__: case for case in cases})
