"""A job that goes in waves, on its page in a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.bot.build import ANN
from tests.bot.rolling import COMMANDS
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.browser import chromium, opened, person, usable
from tests.support.wait import until

pytestmark = pytest.mark.slow


async def rolls(console: Console, page: Page) -> None:
    """Begin one of three waves, and open its page."""
    for agent in console.agents:
        agent.waits = True
        agent.requests.clear()
    answer = await console.ask("ship shop prod --canary 1 --wave 1 --pause")
    await page.goto(f"/jobs/{answer.json()['job']}")
    await expect(page.locator("#stream")).to_have_text("Live")
    await until(lambda: bool(console.agents[0].requests))


async def presses(page: Page, name: str) -> None:
    await page.locator("#hold").get_by_role("button", name=name, exact=True).click()


async def test_people_lead_a_rollout_on_its_page(open_console: OpenConsole) -> None:
    """They see which wave runs and what it asks, and press go on, pause, skip and back; nobody
    loads the page again. Only to go back is asked about once more."""
    console = await open_console(ANN, commands=COMMANDS)
    first, second, third = console.agents
    async with chromium() as browser, person(browser, console.web.url) as context:
        page = await opened(context, "/")
        questions: list[str] = []
        hold, now, state = (page.locator(name) for name in ("#hold", "#hold .now", "#state"))
        waves = hold.get_by_role("list", name="Waves").locator("> li")
        await rolls(console, page)
        await expect(waves).to_have_count(3)
        await expect(waves.nth(0)).to_have_attribute("aria-current", "step")
        await first.finish()
        await expect(now).to_contain_text("Wave 1 is done: 1 of 1 succeeded. The next wave has 1.")
        await expect(state).to_have_text("held")
        await usable(page)
        assert not second.requests
        await presses(page, "Go on")
        await expect(waves.nth(1)).to_have_attribute("aria-current", "step")
        await until(lambda: bool(second.requests))
        await presses(page, "Pause")
        await expect(now).to_have_text("paused by ann")
        await second.finish()
        await presses(page, "Skip web-3")
        await expect(waves.nth(2)).to_contain_text("skipped")
        await expect(hold.get_by_role("button")).to_have_count(0)
        await expect(now).to_have_count(0)
        assert not third.requests

        await rolls(console, page)
        await first.finish()
        await expect(now).to_contain_text("Wave 1 is done")
        page.once("dialog", lambda dialog: dialog.accept())
        page.once("dialog", lambda dialog: questions.append(dialog.message))
        await presses(page, "Back")
        await expect(hold).to_contain_text("Stopped: ann said back.")
        await hold.get_by_role("link", name="Open the job that takes it back").click()
        await expect(page.locator("h1")).to_have_text("unship shop prod")
        assert questions == ["Take back ship shop prod wherever it succeeded?"]
