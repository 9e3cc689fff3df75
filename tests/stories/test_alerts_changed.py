"""alerts.toml changed under bots that run as processes: by SIGHUP, by /alerts reload in any of
them, and tried before by /alerts replay on what the leading bot has recorded."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.stories.ledger import Ledger
from tests.stories.watch import WatchedWorld
from tests.stories.world import CHANNEL
from tests.support.broker import Broker
from tests.support.postgres import Postgres
from tests.support.wait import until


class ChangedWorld(WatchedWorld):
    """A watched world whose alerts.toml is written anew."""

    def record(self) -> None:
        """Have it record, before any bot starts."""
        self._alerts += f'[recording]\nfolder = "{self.folder}/recordings"\n'
        self.file.write_text(self._alerts)

    @property
    def file(self) -> Path:
        return self.folder / "alerts.toml"

    def write(self, old: str, new: str) -> None:
        assert old in self.file.read_text()
        self.file.write_text(self.file.read_text().replace(old, new))

    async def told(self, line: str) -> str:
        """What ann is told who types this."""
        reply = await self.ann.slash(line)
        found = await self.slack.until(lambda: reply.ephemeral, 30)
        assert isinstance(found, str)
        return found

    async def logged(self, words: str, *, times: int = 1) -> None:
        """Wait until every bot has logged this so often."""
        await until(lambda: all(bot.log.count(words) >= times for bot in self.bots), 30)


@pytest.mark.timeout(120)
async def test_two_bots_read_it_again(
    broker: Broker, postgres: Postgres, postgres_database: str, tmp_path: Path
) -> None:
    """What is recorded says what a change would do; whichever bot is asked, both go by it; what
    will not do is refused with its line, by the one that is asked and on SIGHUP."""
    ledger = Ledger.postgres(postgres, postgres_database)
    async with ChangedWorld(broker, tmp_path, ledger=ledger) as world:
        world.record()
        await world.watches()
        world.bot("second")
        await world.slack.connected(4, timeout=30)
        world.thing.break_it()
        posts = await world.says("firing, critical: tcp")
        assert await world.mended() == posts

        world.write('[[route]]\nchannel = "C_DEV"\n', "")
        said = ""

        async def replayed() -> bool:  # it is written once a second, and another may be under way
            nonlocal said
            said = await world.told("/alerts replay")
            return "no longer be sent" in said

        await until(replayed, 60, every=2)
        assert "1 message would no longer be sent, 0 would be new, 1 would stay" in said, said
        assert "firing: tcp probe=shop in prod" in said
        for times in (1, 2, 3, 4):  # Slack delivers in turn: both bots are asked
            said = await world.told("/alerts reload")
            assert f"notifications go to {CHANNEL}" in said, said
            await world.logged("alerts reloaded", times=times)

        world.write('channel = "C_OPS"', 'channel = "#ops"')
        said = await world.told("/alerts reload")
        assert "alerts.toml, line 2" in said
        assert "The settings in force have not changed." in said
        for bot in world.bots:
            os.kill(bot.pid, signal.SIGHUP)
        await world.logged("alerts not reloaded: the settings stay as they were")
        assert "No alerts are firing" in await world.told("/alerts")
        world.thing.break_it()
        await world.says("firing, critical: tcp", channels=(CHANNEL,))
