"""Pages that say what is wrong, in a browser: everybody can read them and go on from there."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from bot.dispatch.policy import EnvironmentTable, Policy
from bot.store import Store
from tests.bot.web.console.conftest import OpenConsole
from tests.bot.web.console.jobs import RunningJob
from tests.bot.world import away
from tests.support.browser import chromium, opened, person, usable

pytestmark = pytest.mark.slow

PROTECTED = Policy(environments={"prod": EnvironmentTable(protected=True, ask="ops@")})


async def test_an_error_is_a_page_that_everybody_can_use(
    open_console: OpenConsole, store: Store
) -> None:
    """A job that is not there, one that one may not read, and a database that is away."""
    console = await open_console(policy=PROTECTED)
    job = await RunningJob.begin(store, "web-1")
    async with chromium() as browser, person(browser, console.web.url) as reader:
        for address, status in (("/jobs/nothing", 404), (f"/jobs/{job.id}", 403)):
            page = await opened(reader, address, status=status)
            await usable(page)
            await page.close()
        with away(store):
            page = await opened(reader, "/audit", status=503)
            await expect(page.get_by_text("its disk is full").first).to_be_visible()
            await usable(page)
            await page.get_by_role("link", name="Servers").first.click()
            await expect(page.get_by_role("heading", name="Servers")).to_be_visible()
