"""Blind is not down: whichever of our links is gone, that is said, and nobody is called down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from alerts import AlertContent
from bot.bot import Bot
from tests.alerting.world import SILENT, WAIT, Watchers, alerts_in, none_waits, quick, says
from tests.bot.world import Stage, away
from tests.support.wait import until

BUS, DATABASE, SLACK = "the message bus", "the database", "Slack"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


class Links(Watchers):
    """A bot that sees by three links."""

    slack = True

    def alert(self, made: Bot) -> None:
        """Keeps Watchers.alert."""
        eyes = {SLACK: lambda: self.slack}
        made.alert(self.settings, front=self.front.name, eyes=eyes, steady=self.clock.steady)

    @contextmanager
    def without(self, gone: Sequence[str]) -> Iterator[None]:
        """These links are gone meanwhile."""
        with ExitStack() as stack:
            if BUS in gone:
                self.stage.bus.down()
                stack.callback(self.stage.bus.up)
            if DATABASE in gone:
                stack.enter_context(away(self.stage.store))
            self.slack = SLACK not in gone
            yield
        self.slack = True


@pytest.mark.parametrize(
    "gone", [(BUS,), (DATABASE,), (SLACK,), (BUS, DATABASE, SLACK)], ids=[*"bds", "network"]
)
async def test_nobody_is_called_down(stage: Stage, gone: Sequence[str]) -> None:
    """The bus, the database, Slack, or the network and so all of them: an hour of it is one post,
    which names what was gone; silence counts from when we see again."""
    world = Links(stage)
    made = await world.bot()
    await world.agent(made, "web-1")
    with world.without(gone):
        keeper = made.keeper
        assert keeper is not None
        await until(lambda: keeper.engine is not None and keeper.engine.blind_since is not None)
        await world.pass_time(made, SILENT + WAIT)
        await world.pass_time(made, 3600)
        assert keeper.engine is not None
        assert keeper.engine.firing() == []
    await world.watching(made)
    await until(says(stage.front, "resolved"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title.startswith("Monitoring was blind for 1 h 1 min")
    (said,) = [line for line in message.content.lines if "gone" in line]
    assert all(link in said for link in gone)
    await world.pass_time(made, SILENT - 1)
    await world.pass_time(made, WAIT)
    await none_waits(stage.store)
    assert len(alerts_in(stage.front)) == 1
