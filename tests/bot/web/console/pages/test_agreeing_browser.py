"""Two people, each in a browser, agree on pages of the console, and keep each other out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

from baton.bus.messages import Person
from bot.app.console import serve_console
from bot.dispatch.gates.tables import GateTable
from bot.web.console.access import LocalAccess
from bot.web.server import WebServer
from tests.bot.build import ANN
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.browser import chromium, opened, person, usable

pytestmark = pytest.mark.slow

BEA = Person(id="U_BEA", name="bea")


@dataclass
class Two:
    """A console, and a tab of each of two people."""

    console: Console
    ann: Page
    bea: Page


@pytest.fixture
async def two(open_console: OpenConsole) -> AsyncIterator[Two]:
    """What changes `shop` in prod needs one other person."""
    console = await open_console(ANN, gates=(GateTable(environments=("prod",), approvals=1),))
    async with AsyncExitStack() as stack:
        web = WebServer.listen("127.0.0.1", 0)
        stack.push_async_callback(web.stop)
        serve_console(web, console.bot, LocalAccess(BEA, "terminal", [web.url]))
        browser = await stack.enter_async_context(chromium())
        pages = []
        for url in (console.web.url, web.url):
            context = await stack.enter_async_context(person(browser, url))
            pages.append(await opened(context, "/"))
        yield Two(console, *pages)


async def types(page: Page, words: str) -> None:
    """Type a command into the line that every page has."""
    await page.locator("#command").fill(words)
    await page.locator("#command").press("Enter")


async def presses(page: Page, name: str) -> None:
    """Press a button of the card of what a job waits for, and say yes to its question."""
    page.once("dialog", lambda dialog: dialog.accept())
    await page.locator("#hold").get_by_role("button", name=name, exact=True).click()


async def test_what_one_asks_another_one_approves_and_both_see_it_start(two: Two) -> None:
    """The asker reads why they may not; the other one presses; nobody loads a page again."""
    await types(two.ann, "/ship shop prod")
    await two.ann.wait_for_url(lambda url: "/jobs/" in url)
    await expect(two.ann.locator("#stream")).to_have_text("Live")
    await expect(two.ann.locator("#state")).to_have_text("held")
    waits = "Approvals 0 of 1 (whoever may ask for the same may)"
    await expect(two.ann.locator("#hold")).to_contain_text(waits)
    await usable(two.ann)
    await presses(two.ann, "Approve")
    own = "you asked for it, so others approve it"
    await expect(two.ann.locator("#answer")).to_contain_text(own)
    assert not any(agent.started for agent in two.console.agents)
    await two.bea.goto("/jobs/" + two.ann.url.rpartition("/jobs/")[2])
    await expect(two.bea.locator("#stream")).to_have_text("Live")
    await presses(two.bea, "Approve")
    await expect(two.bea.locator("#answer")).to_contain_text("starts now")
    for page in (two.ann, two.bea):
        await expect(page.locator("#state")).to_have_text("succeeded")
        await expect(page.locator("#hold")).to_contain_text("Approved by bea.")
        await expect(page.locator("#hold").get_by_role("button")).to_have_count(0)
        await expect(page.get_by_role("heading", name="What people said")).to_be_visible()
    assert [len(agent.started) for agent in two.console.agents] == [1, 1, 1]
    await usable(two.bea)


async def test_a_lock_on_the_page_refuses_others_with_its_reason(two: Two) -> None:
    """Who has it, until when and why; the page of the gates shows it to both."""
    await two.bea.goto("/gates")
    await two.bea.locator("#what").fill("shop prod for 2h because migration")
    await two.bea.get_by_role("button", name="Lock", exact=True).click()
    await expect(two.bea.locator("main")).to_contain_text("You have the lock of shop in prod")
    await types(two.ann, "/ship shop prod")
    refused = two.ann.get_by_text("Locked: shop in prod, by bea, until")
    await expect(refused).to_be_visible()
    await expect(refused).to_contain_text("“migration”")
    assert await two.console.bot.store.ledger.recent() == []
    await two.ann.goto("/gates")
    await expect(two.ann.locator("main")).to_contain_text("migration")
    await usable(two.ann)
