"""The demo with its console, and a browser: real agents that run real deploys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser

from bot.app.bot import Bot
from bot.demo.play import demo_running
from tests.support.browser import chromium


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's bot, and where its console is."""

    bot: Bot
    url: str


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    """The demo, with servers that can deploy `shop` in prod."""
    async with demo_running() as (bot, _, url):
        yield Demo(bot, url)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser without a page."""
    async with chromium() as started:
        yield started
