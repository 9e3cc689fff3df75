"""Somebody who uses the pages of a console in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext

from tests.bot.web.console.conftest import Console
from tests.support.browser import chromium, person


@pytest.fixture
async def reader(console: Console) -> AsyncIterator[BrowserContext]:
    """Somebody with a browser."""
    async with chromium() as browser, person(browser, console.web.url) as context:
        yield context
