"""Who may ask what, where."""

from __future__ import annotations

from pathlib import Path

from tests.stories.world import World
from tests.support.broker import Broker

POLICY = """
[environments.prod]
protected = true
ask = "#operations"

[[allow]]
who = ["U_ANN"]
commands = ["deploy", "audit"]
environments = ["prod"]
apps = ["shop"]
"""


async def test_refused(broker: Broker, tmp_path: Path) -> None:
    """Who may not is told alone, with the rule that is missing and whom to ask; nothing is sent or
    posted; and it is kept for the audit, with what was allowed and what was no command at all."""
    async with World(broker, tmp_path, policy=POLICY) as world:
        await world.starts("web-1")
        reply = await world.ben.slash("/deploy shop prod")
        assert reply.ephemeral is not None
        for words in ("Not allowed: /deploy shop in prod.", 'who = ["U_BEN"]', "#operations"):
            assert words in reply.ephemeral
        assert world.posts == []
        assert world.ledger.jobs() == 0
        typo = await world.ben.slash("/deploy shop")
        assert "Usage" in (typo.ephemeral or "")
        await world.ann.slash("/deploy shop prod")
        await world.ends("succeeded")
        assert world.agents["web-1"].starts == 1
        audit = (await world.ann.slash("/baton audit")).ephemeral or ""
        rows = [line.split() for line in audit.splitlines() if "deploy" in line]
        assert [(row[2], row[-1]) for row in rows] == [
            ("ann", "allowed"),
            ("ben", "unusable"),
            ("ben", "refused"),
        ]
