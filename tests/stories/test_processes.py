"""Bot and agents as a service manager sees them."""

from __future__ import annotations

import asyncio

from tests.stories.world import World, cards_of
from tests.support.wait import until

EXTRA = (
    "aiohttp",
    "aiosqlite",
    "alembic",
    "asyncpg",
    "fastapi",
    "prompt_toolkit",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
)


async def test_stopped_in_good_order(world: World) -> None:
    """SIGTERM: an agent lets what runs end, or says `interrupted` when its time is up; a bot leaves
    what is under way to the next one, at once. Both exit with 0."""
    await world.starts("web-1")
    world.agent("web-2", drain=0.5)
    await world.sees("web-1", "web-2")
    world.hold()
    await world.ann.slash("/deploy shop prod")
    await world.building()
    patient = asyncio.create_task(world.agents["web-1"].process.stop())
    assert await world.agents["web-2"].process.stop() == 0
    assert not world.agents["web-2"].building
    first = world.bots[-1]
    assert await first.stop() == 0
    world.go_on()
    assert await patient == 0
    assert world.agents["web-1"].live == "v2"
    world.bot()
    post = await world.ends("interrupted")
    assert cards_of(post) == {"web-1": "succeeded", "web-2": "interrupted"}
    assert "the agent was stopped" in post.plain
    assert await world.bots[-1].stop() == 0
    for bot in world.bots:
        assert "level=error" not in bot.log
        assert "Traceback" not in bot.log


async def test_an_agent_needs_no_extra(world: World) -> None:
    """An agent that deploys has imported nothing of Slack, the web or SQL."""
    await world.starts()
    agent = world.agent("web-1")
    agent.process.kill()
    agent.restart(python=("-X", "importtime"))
    await world.sees("web-1")
    await world.ann.slash("/deploy shop prod")
    await world.ends("succeeded")
    lines = [line for line in agent.process.log.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"baton", "commands", "aio_pika"} <= imported
    assert not imported & set(EXTRA)
    await until(lambda: agent.live == "v2")
