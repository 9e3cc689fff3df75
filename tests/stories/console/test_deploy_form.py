"""A deploy by somebody who has never used a shell."""

from __future__ import annotations

import re

from playwright.async_api import Browser, expect

from tests.stories.console.conftest import Demo
from tests.support.browser import opened, person


async def test_a_form_shows_what_it_will_do_and_does_it(demo: Demo, browser: Browser) -> None:
    """Chosen, not typed: the slash command that it equals, the servers that it will reach; a click,
    and the page follows the job to its end by itself. The ledger has it by the words that chat
    would have taken."""
    async with person(browser, demo.url) as reader:
        page = await opened(reader, "/")
        await page.get_by_role("link", name="Run", exact=True).click()
        await page.get_by_role("link", name="deploy").first.click()
        await page.get_by_label("app").first.select_option("shop")
        await page.get_by_label("environment").first.select_option("prod")
        await expect(page.get_by_label("The same in chat")).to_have_value("/deploy shop prod")
        await expect(page.locator("#plan")).to_contain_text("web-3")
        await page.get_by_role("button", name="Run /deploy").click()
        await page.wait_for_url(re.compile("/jobs/"))
        job = page.url.rpartition("/")[2]
        await expect(page.locator("#state")).to_contain_text("succeeded", timeout=60_000)
        await expect(page.locator("#log")).to_contain_text("checking its health")
    found = await demo.bot.store.ledger.job(job)
    assert found is not None
    assert found[0].title == "deploy shop prod"
    assert {run.host for run in found[1]} == {"web-1", "web-2", "web-3"}


async def test_words_that_are_wrong_are_told_at_the_field(demo: Demo, browser: Browser) -> None:
    """And what was filled in is still there."""
    async with person(browser, demo.url) as reader:
        page = await opened(reader, "/run/deploy")
        await page.get_by_label("environment").first.select_option("prod")
        await page.get_by_role("button", name="Run /deploy").click()
        wrong = page.locator("[aria-invalid=true]")
        await expect(wrong).to_have_count(1)
        await expect(page.get_by_label("environment").first).to_have_value("prod")
