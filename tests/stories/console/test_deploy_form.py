"""The form of a deploy, over servers that can do it."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.stories.console.conftest import Demo
from tests.support.browser import opened, person


async def test_words_that_are_wrong_are_told_at_the_field(demo: Demo, browser: Browser) -> None:
    """And what was filled in is still there."""
    async with person(browser, demo.url) as reader:
        page = await opened(reader, "/run/deploy")
        await page.get_by_label("environment").first.select_option("prod")
        await page.get_by_role("button", name="Run /deploy").click()
        wrong = page.locator("[aria-invalid=true]")
        await expect(wrong).to_have_count(1)
        await expect(page.get_by_label("environment").first).to_have_value("prod")
