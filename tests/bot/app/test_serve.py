"""The bot of a team as one process runs it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from baton.bus.messages import now
from baton_slack_testing import SlackServer
from bot.app.bot import Bot
from bot.app.serve import serve
from bot.settings import load_bot
from bot.store import Store
from tests.bot.world import beat
from tests.support.wait import until

SETTINGS = """
[bus]
url = "memory://served"
[database]
url = "{database}"
[environments.prod]
open = true
"""


async def test_who_asks_at_once_hears_of_the_servers_that_are_known(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack delivers as soon as the bot is connected, and that is before its other parts start."""
    store = await Store.open(database)
    await store.servers.record([beat("web-1")], now())
    await store.close()
    file = tmp_path / "baton.toml"
    file.write_text(SETTINGS.format(database=database))
    may_start = asyncio.Event()
    start = Bot.start

    async def held(bot: Bot) -> None:
        await may_start.wait()
        await start(bot)

    monkeypatch.setattr(Bot, "start", held)
    async with SlackServer() as slack:
        settings = load_bot(file, slack.env)
        serving = asyncio.create_task(serve(settings, lambda: settings))
        await until(lambda: len(slack.socket.connections) == 2)
        reply = await slack.person("U_ANN").slash("/servers", channel="C_OPS")
        assert "web-1" in (reply.ephemeral or "")
        may_start.set()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
