"""Two bots on one PostgreSQL: one leads, and when it dies the other goes on."""

from __future__ import annotations

from pathlib import Path

from tests.stories.ledger import Ledger
from tests.stories.world import World
from tests.support.broker import Broker
from tests.support.postgres import Postgres
from tests.support.wait import until


async def test_the_leader_is_killed(
    broker: Broker, postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    """Whichever of them is asked, one alone tells. kill -9 of it in the middle of a deploy: the
    other goes on in the same thread, and nothing is said or started twice."""
    ledger = Ledger.postgres(postgres, postgres_url)
    async with World(broker, tmp_path, ledger=ledger) as world:
        await world.starts("web-1", "web-2")
        leader = world.bots[-1]
        follower = world.bot("second")
        await world.slack.connected(4)
        for jobs in (1, 2):
            # Slack delivers in turn, so that each of the two is asked
            await world.ann.slash("/deploy shop prod")
            await world.ends("succeeded", jobs=jobs)
        world.hold()
        await world.ann.slash("/deploy shop prod")
        await world.building()
        post = await world.shows("running")
        await until(lambda: len(world.thread(post)) == 2)
        assert "became leader" in leader.log
        assert "became leader" not in follower.log
        leader.kill()
        world.go_on()
        assert await world.ends("succeeded", jobs=3) is post
        assert "became leader" in follower.log
        assert [agent.starts for agent in world.agents.values()] == [3, 3]
