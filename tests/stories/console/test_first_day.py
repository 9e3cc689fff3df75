"""Somebody who has never used a shell, and nobody to ask."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Page, expect

from tests.stories.console.conftest import Demo
from tests.support.browser import opened, person


async def goes_to(page: Page, section: str) -> None:
    """Open a page by its name in the navigation."""
    await page.get_by_role("navigation").get_by_role("link", name=section, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(section)


async def runs(page: Page, command: str, **values: str) -> None:
    """Choose a command, choose what it is for, and run it."""
    await goes_to(page, "Run")
    await page.get_by_role("main").get_by_role("link", name=f"/{command}").click()
    for field, value in values.items():
        await page.get_by_label(field.capitalize()).first.select_option(value)
    same = page.get_by_label("The same in chat")
    await expect(same).to_have_value(f"/{command} {' '.join(values.values())}")
    await page.get_by_role("button", name=f"Run /{command}").click()


async def test_one_finds_everything_by_clicking(demo: Demo, browser: Browser) -> None:
    """A deploy and its log, a server that breaks, its alert, a silence with its reason, a schedule,
    and who did what: nothing is typed but what one says oneself, and no address."""
    async with person(browser, demo.url) as reader:
        page = await opened(reader, "/")

        await runs(page, "deploy", app="shop", environment="prod")
        await page.wait_for_url(re.compile("/jobs/"))
        job = page.url.rpartition("/")[2]
        await expect(page.locator("#log")).to_contain_text("import the goods")
        await expect(page.locator("#state")).to_have_text("succeeded", timeout=60_000)
        await goes_to(page, "Servers")
        await expect(page.get_by_role("row", name=re.compile("web-2"))).to_contain_text("main")

        await runs(page, "demo", action="break", host="web-2")
        await expect(page.get_by_label("Answer")).to_contain_text("web-2 is broken")
        await goes_to(page, "Home")
        alert = page.get_by_role("link", name="silent web-2 in prod")
        await expect(alert).to_be_visible(timeout=30_000)
        await expect(page.get_by_role("link", name="1 alert firing")).to_be_visible()
        await alert.click()

        await page.get_by_role("button", name="Silence ...").click()
        await page.get_by_label("4 hours").check()
        await page.get_by_label("Reason").fill("its disk is replaced")
        await page.get_by_role("button", name="Silence", exact=True).click()
        await expect(page.locator("#answer")).to_contain_text("Silenced for 4 h")
        await expect(page.locator("#live")).to_contain_text("silenced by")

        await goes_to(page, "Schedules")
        await page.get_by_role("combobox", name="Command", exact=True).fill("ping prod")
        await page.get_by_label("When").fill("every 5m")
        await page.get_by_role("button", name="Schedule it").click()
        await expect(page.get_by_role("row", name=re.compile("ping prod"))).to_contain_text(
            "in 5 min"
        )

        await goes_to(page, "Audit")
        for words in ("ping prod every 5m", "its disk is replaced", "demo break web-2"):
            await expect(page.get_by_role("row", name=re.compile(words))).to_have_count(1)
        deploy = page.get_by_role("row", name=re.compile("deploy shop prod"))
        await deploy.get_by_role("link").last.click()
        await page.wait_for_url(f"**/jobs/{job}*")
    found = await demo.bot.store.ledger.job(job)
    assert found is not None
    assert found[0].title == "deploy shop prod"
    assert {run.host for run in found[1]} == {"web-1", "web-2", "web-3"}
