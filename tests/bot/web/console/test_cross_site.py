"""What other web pages can make a browser do."""

from __future__ import annotations

from playwright.async_api import expect

from tests.bot.web.console.conftest import Console
from tests.support.browser import chromium, person

FORM = """<form id="form" method="post" action="{url}/ask">
<input name="text" value="/ship shop prod"></form>"""


async def test_a_form_of_another_page_asks_nothing(console: Console) -> None:
    """The browser sends it, as it sends every form; it is refused, and nothing is done."""
    async with chromium() as browser, person(browser, console.web.url) as reader:
        page = await reader.new_page()
        await page.set_content(FORM.format(url=console.web.url))
        await page.evaluate("document.getElementById('form').submit()")
        await page.wait_for_url("**/ask")
        await expect(page.locator("body")).to_contain_text("Not allowed")
    assert await console.bot.store.audit.recent(5) == []
    assert not any(agent.requests for agent in console.agents)
