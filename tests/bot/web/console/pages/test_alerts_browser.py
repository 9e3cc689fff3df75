"""The page of alerts in a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.bot.web.console.alerts import firing
from tests.bot.web.console.conftest import OpenConsole
from tests.support.browser import NARROW, chromium, opened, person, usable

pytestmark = pytest.mark.slow


async def test_each_button_answers_on_the_page(open_console: OpenConsole) -> None:
    """Beside what was pressed, and the list follows, without another page."""
    console = await firing(open_console)
    async with chromium() as browser, person(browser, console.web.url, width=NARROW) as context:
        page = await opened(context, "/alerts")
        answer = page.locator("#answer")
        await page.get_by_role("button", name="Why?").click()
        await expect(answer).to_contain_text("97 % full")
        await page.get_by_role("button", name="Acknowledge").click()
        await expect(answer).to_contain_text("Acknowledged: ")
        await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        await page.get_by_role("button", name="Silence ...").click()
        await expect(answer).to_contain_text("A silence would mute")
        await usable(page)
        await answer.get_by_label("4 hours").check()
        await answer.get_by_label("Reason").fill("a new disk comes")
        await answer.get_by_role("button", name="Silence", exact=True).click()
        await expect(page.locator("#h-silences .count")).to_have_text("1")
        await expect(page.locator("#live")).to_contain_text("a new disk comes")
        await page.get_by_role("button", name="End it now").click()
        await expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
        await page.get_by_label("Labels of what to mute").fill("env=prod")
        await page.get_by_role("button", name="Show what it would mute").click()
        await expect(answer).to_contain_text("would mute these firing alerts")
        assert page.url == f"{console.web.url}/alerts"


async def test_the_sections_leave_room_on_a_phone(open_console: OpenConsole) -> None:
    """They stay at the top while one reads: two rows of 360 pixels, each section whole and large
    enough for a thumb."""
    console = await firing(open_console)
    async with chromium() as browser, person(browser, console.web.url, width=NARROW) as context:
        page = await opened(context, "/alerts")
        found = [await one.bounding_box() for one in await page.locator(".sections a").all()]
        boxes = [box for box in found if box is not None]
        assert len(boxes) == len(found) == 9
        assert len({round(box["y"]) for box in boxes}) == 2
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= NARROW for box in boxes)
        assert all(box["height"] >= 32 and box["width"] >= 60 for box in boxes)
        bar = await page.locator(".sections").bounding_box()
        assert bar is not None
        assert bar["height"] <= 110
