"""Signing in as a person does it, in Debian's Chromium."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, expect

from tests.bot.web.console.sign_in.conftest import ANN, Site
from tests.support.browser import NARROW, WIDE, chromium, opened, person

pytestmark = pytest.mark.slow


async def usable(page: Page) -> None:
    """Nothing keeps somebody from using the page, and it is not wider than its window."""
    found = (await Axe().run(page)).response
    assert found["passes"]
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert grave == [], page.url
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url


async def sign_in(site: Site, context: BrowserContext) -> Page:
    """The tab in which somebody has opened their link and pressed the button."""
    page = await opened(context, await site.link())
    await usable(page)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_there_and_back(site: Site, width: int, dark: bool) -> None:
    """From a page that one may not see yet, over the sign-in, to that page; and out again."""
    await site.store.sign_ins.new_token(ANN, "laptop", "ask", timedelta(days=30))
    async with (
        chromium() as browser,
        person(browser, site.web.url, width=width, dark=dark) as context,
    ):
        how = await opened(context, "/sessions")
        await expect(how).to_have_title("Sign in · Baton")
        await usable(how)
        page = await sign_in(site, context)
        assert page.url == f"{site.web.url}/sessions"
        await usable(page)
        await expect(page.get_by_text("laptop")).to_be_visible()
        await page.get_by_role("button", name="Revoke laptop").click()
        await expect(page.get_by_text("You have no tokens.")).to_be_visible()
        await page.get_by_role("banner").get_by_role("button", name="Sign out").click()
        await expect(page).to_have_title("Sign in · Baton")
        assert await site.store.sign_ins.of_person("slack", "U_ANN") == []


async def test_a_session_that_ends_while_somebody_types(site: Site) -> None:
    """What they typed is on the page that says so, and is asked once they are signed in again."""
    async with chromium() as browser, person(browser, site.web.url) as context:
        page = await sign_in(site, context)
        box = page.get_by_role("combobox", name="Command, as in chat")
        await box.fill("jobs staging")
        (session,) = await site.store.sign_ins.of_person("slack", "U_ANN")
        await site.store.sign_ins.revoke("slack", "U_ANN", session.id)
        await box.press("Escape")
        await box.press("Enter")
        await expect(page.get_by_role("heading")).to_have_text("Your session has ended")
        await expect(page.get_by_text("jobs staging")).to_be_visible()
        await usable(page)
        await (await sign_in(site, context)).close()
        await page.get_by_role("button", name="2. Send it again").click()
        await expect(page.get_by_text("No jobs")).to_be_visible()
        entries = await site.store.audit.recent(5)
        assert [one.words for one in entries].count("jobs staging") == 1
