"""A console on a real socket, over a bot on a bus in memory that knows some servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Person
from bot.app.bot import Bot
from bot.app.console import serve_console
from bot.store import Store
from bot.web.console.access import LocalAccess
from bot.web.console.sources import MessageAddress
from bot.web.server import WebServer
from tests.bot.build import ANN
from tests.bot.world import Agent, a_bot
from tests.support.wait import until

HOSTS = ("web-1", "web-2", "web-3")


@dataclass
class Console:
    """A console that somebody at this machine uses, the bot behind it, and the agents."""

    bot: Bot
    web: WebServer
    client: httpx.AsyncClient
    agents: list[Agent]

    async def ask(self, text: str) -> httpx.Response:
        """Ask `text` over the API."""
        return await self.client.post("/api/v1/asks", json={"text": text})


OpenConsole = Callable[..., Awaitable[Console]]


@pytest.fixture
async def open_console(store: Store) -> AsyncIterator[OpenConsole]:
    """Opens a console for `person`, whose chat has its messages at `message_address`; `options` are
    those of `a_bot`."""
    async with AsyncExitStack() as stack:

        async def opened(
            person: Person = ANN, message_address: MessageAddress | None = None, **options: Any
        ) -> Console:
            bus = MemoryBus("console")
            channel = MemoryChannel("memory://console", on=bus)
            stack.push_async_callback(channel.close)
            bot = a_bot(store, channel, **options)
            stack.push_async_callback(bot.stop)
            await bot.start()
            agents = [Agent(MemoryChannel("memory://console", on=bus), host) for host in HOSTS]
            for agent in agents:
                stack.push_async_callback(agent.channel.close)
                await agent.start()
            await until(lambda: bot.leader.leading and bot.hears_servers())
            for agent in agents:
                await agent.beat()
            await until(lambda: len(bot.servers.servers()) == len(HOSTS))
            web = WebServer.listen("127.0.0.1", 0)
            access = LocalAccess(person, "terminal", [web.url])
            serve_console(web, bot, access, message_address=message_address)
            stack.push_async_callback(web.stop)
            client = httpx.AsyncClient(base_url=web.url, trust_env=False, verify=False, timeout=60)
            await stack.enter_async_context(client)
            return Console(bot, web, client, agents)

        yield opened


@pytest.fixture
async def console(open_console: OpenConsole) -> Console:
    """A console, with three servers that run `shop` in prod."""
    return await open_console()
