"""A job is stopped from its thread, or by its button."""

from __future__ import annotations

from tests.stories.world import World, cards_of
from tests.support.wait import until


async def test_by_a_word_in_the_thread(world: World) -> None:
    """`@baton cancel` under a job's post ends its programs on every server, and all they began."""
    await world.starts("web-1", "web-2")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    post = await world.shows("running")
    await world.ann.says("@baton cancel", under=post)
    assert await world.ends("cancelled") is post
    assert cards_of(post) == {"web-1": "cancelled", "web-2": "cancelled"}
    assert "cancelled by" in post.plain
    for agent in world.agents.values():
        assert agent.live is None
    await until(lambda: not any(agent.building for agent in world.agents.values()))


async def test_by_the_button(world: World) -> None:
    """The button is there while there is something to cancel; what is not running yet is never
    begun."""
    await world.starts("web-1", "web-2")
    world.hold()
    asleep = world.agents["web-2"].process
    asleep.freeze(True)
    await world.ann.slash("/deploy shop prod")
    await world.building("web-1")
    post = await world.shows("running")
    reply = await world.ben.clicks(post, "cancel")
    assert reply.error is None
    asleep.freeze(False)
    await world.ends("cancelled")
    await until(lambda: not world.agents["web-1"].building)
    assert world.agents["web-2"].starts <= 1
    assert not world.agents["web-2"].building
    # it is still of use: the next deploy finds nothing in its way
    world.go_on()
    await world.ann.slash("/deploy shop prod")
    await world.ends("succeeded", jobs=2)
