"""Two bots on one PostgreSQL and one RabbitMQ: a console on each, and a browser at each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from playwright.async_api import Browser, Page, expect

from baton.bus.connect import connect
from baton.bus.messages import State, new_id
from bot.app.bot import Bot
from bot.app.console import serve_console
from bot.jobs import console_place
from bot.store import Store
from bot.web.console.access import LocalAccess
from bot.web.server import WebServer
from tests.bot.build import ANN
from tests.bot.world import Agent, a_bot, no_groups
from tests.support.browser import opened, person
from tests.support.wait import until

HOSTS = ("web-1", "web-2")
LINES = """() => [...document.querySelectorAll("#log .l")].map(
    (line) => `${line.dataset.h} ${line.dataset.n} ${line.textContent}`)"""


@dataclass(frozen=True, slots=True)
class Site:
    """A bot and its console."""

    bot: Bot
    web: WebServer

    @classmethod
    async def open(cls, stack: AsyncExitStack, bus: str, database: str) -> Site:
        """Start one, which `stack` ends."""
        store = await Store.open(database)
        stack.push_async_callback(store.close)
        channel = await connect(bus, name="bot", owner=True)
        stack.push_async_callback(channel.close)
        bot = a_bot(store, channel)
        stack.push_async_callback(bot.stop)
        await bot.start()
        web = WebServer.listen("127.0.0.1", 0)
        serve_console(web, bot, LocalAccess(ANN, "terminal", [web.url]))
        stack.push_async_callback(web.stop)
        return cls(bot, web)


async def reads(page: Page, lines: list[str]) -> bool:
    """Whether the page shows these lines, each once."""
    shown: Any = await page.evaluate(LINES)
    return sorted(shown) == sorted(lines)


async def test_each_bot_shows_the_same_and_one_goes_on_when_the_other_stops(
    amqp_url: str, postgres_url: str, browser: Browser
) -> None:
    """Asked at the bot that does not lead: both pages show each line as it comes, each once. When
    the bot that leads stops, the page at the other one goes on to the end without a reload."""
    async with AsyncExitStack() as stack:
        first = await Site.open(stack, amqp_url, postgres_url)
        await until(lambda: first.bot.leader.leading and first.bot.hears_servers())
        second = await Site.open(stack, amqp_url, postgres_url)
        agents = []
        for host in HOSTS:
            channel = await connect(amqp_url, name=host)
            stack.push_async_callback(channel.close)
            await channel.wait_up()
            agents.append(Agent(channel, host, waits=True))
            await agents[-1].start()
            await agents[-1].beat()
        await until(lambda: len(first.bot.servers.servers()) == len(HOSTS))

        async def knows_them_too() -> bool:
            await second.bot.upkeep.load_servers()
            return len(second.bot.servers.servers()) == len(HOSTS)

        await until(knows_them_too)
        reply = await second.bot.dispatcher.ask(
            "/ship shop prod",
            asker=ANN,
            groups=no_groups,
            place=console_place("terminal"),
            key=new_id(),
        )
        assert reply.ok, reply.text
        assert not second.bot.leader.leading
        await until(lambda: all(agent.requests for agent in agents))
        lines = [f"{host} 1 line 1" for host in HOSTS]

        async def say(number: int) -> None:
            for agent in agents:
                text = f"line {number}"
                await agent.update(agent.requests[-1], State.RUNNING, text, level="log")
                lines.append(f"{agent.host} {number} {text}")

        ann = await stack.enter_async_context(person(browser, first.web.url))
        ben = await stack.enter_async_context(person(browser, second.web.url))
        pages = [await opened(each, f"/jobs/{reply.job}") for each in (ann, ben)]
        for number in range(2, 6):
            await say(number)
            for page in pages:
                await until(partial(reads, page, lines))
        await first.web.stop()
        await first.bot.stop()
        await until(lambda: second.bot.leader.leading)
        await say(6)
        await until(partial(reads, pages[1], lines))
        for agent in agents:
            await agent.finish()
        await expect(pages[1].locator("#state")).to_have_text("succeeded")
