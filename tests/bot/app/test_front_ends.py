"""Front ends have a queue while this bot leads, whenever they came."""

from __future__ import annotations

from baton.bus.messages import now
from bot.app.front_ends import FrontEnds
from bot.priority import ForegroundPriority
from tests.bot.fake_front import FakeFront
from tests.bot.world import Stage


async def test_there_are_queues_while_this_bot_leads(stage: Stage) -> None:
    """Those that read `queues` see them come and go: it is one mapping."""
    fronts = FrontEnds(
        stage.store, lambda subject: None, claim=2.0, way=ForegroundPriority(), clock=now
    )
    queues = fronts.queues
    fronts.add(FakeFront("slack"))
    assert list(queues) == []
    fronts.open()
    fronts.add(FakeFront("late"))
    assert sorted(queues) == ["late", "slack"]
    await fronts.close()
    assert list(queues) == []
    fronts.open()
    assert sorted(queues) == ["late", "slack"]
    await fronts.close()
