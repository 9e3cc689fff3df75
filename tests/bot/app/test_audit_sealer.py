"""The leader seals the audit log, and posts its head."""

from __future__ import annotations

from baton.bus.messages import now
from bot.content import NoticeContent
from bot.jobs import Place
from tests.bot.store.build import asked, deploy
from tests.bot.world import Stage, a_bot
from tests.support.wait import until


async def test_the_head_is_in_the_channel(stage: Stage) -> None:
    """Once what was asked is sealed; the post says what `baton audit verify` takes."""
    ops = Place(stage.front.name, "#ops")
    await asked(stage.store, deploy("web-1"))
    bot = a_bot(stage.store, stage.channel(), stage.front, lease=2.0, audit_channel=ops)
    stage.bots.append(bot)
    await bot.start()
    key = f"audit-{now():%Y-%m-%d}"
    await until(lambda: key in {message.key for message in stage.front.shown})
    message = stage.front.one(key)
    head = await stage.store.audit_chain.head()
    assert head.number == 1
    assert message.channel == "#ops"
    assert isinstance(message.content, NoticeContent)
    assert message.content.text.endswith(f"Its head, for `baton audit verify --head`: {head}")
