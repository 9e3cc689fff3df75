"""The page of a job in a browser: a log of any length, whole, and what one can do about a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from baton.bus.messages import State
from bot.store import Store
from tests.bot.web.console.browser import chromium, opened, person
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob
from tests.support.wait import until

MOST_NODES = 6_000
pytestmark = pytest.mark.slow

MOUNTED = """() => [...document.querySelectorAll("#log .l")].map((node) => [
    `${node.dataset.h}:${node.dataset.n}`, node.textContent])"""


@pytest.fixture
async def reader(console: Console) -> AsyncIterator[BrowserContext]:
    """Somebody with a browser."""
    async with chromium() as browser, person(browser, console.web.url) as context:
        yield context


async def nodes(page: Page) -> int:
    """How many elements the page has."""
    count: int = await page.evaluate("document.querySelectorAll('*').length")
    return count


async def mounted(page: Page, host: str = "web-1") -> list[int]:
    """The numbers of the lines of `host` in the page, each of which has its own text."""
    found = await page.evaluate(MOUNTED)
    numbers = [int(name.split(":")[1]) for name, _ in found if name.startswith(f"{host}:")]
    assert all(text == f"line {name.split(':')[1]}" for name, text in found)
    return numbers


async def edges(page: Page) -> tuple[int, int]:
    """The numbers of the first and the last line in the page."""
    first, last = await page.evaluate(
        "['first', 'last'].map((edge) => document.querySelector("
        "`#log .chunk:${edge}-child .l:${edge}-child`)?.dataset.n || 0)"
    )
    return int(first), int(last)


async def is_above(page: Page, line: int) -> bool:
    """Whether the page begins above `line`."""
    return 0 < (await edges(page))[0] < line


async def is_below(page: Page, line: int) -> bool:
    """Whether the page ends below `line`."""
    return (await edges(page))[1] > line


async def shows(page: Page, host: str, numbers: list[int]) -> bool:
    """Whether the page shows just these lines of `host`, and none of others."""
    found: Any = await page.evaluate(MOUNTED)
    return [name for name, _ in found] == [f"{host}:{number}" for number in numbers]


def without_gap(numbers: list[int]) -> bool:
    """Whether they follow each other, each once."""
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_long_log_is_a_window_that_goes_wherever_one_looks(
    store: Store, reader: BrowserContext
) -> None:
    """100,000 lines: few nodes, the end first, all reachable by scrolling and by line."""
    job = await RunningJob.begin(store, "web-1")
    await job.count("web-1", 1, 100_000)
    page = await opened(reader, f"/jobs/{job.id}")
    await page.locator("#log-title").evaluate("(node) => node.scrollIntoView()")
    await expect(page.locator("#log .l[data-n='100000']")).to_be_in_viewport()
    await page.locator("#log").hover()
    for _ in range(14):
        first = (await edges(page))[0]
        await page.mouse.wheel(0, -1_000_000)
        await until(partial(is_above, page, first))
        assert await nodes(page) < MOST_NODES
    assert without_gap(await mounted(page))
    assert (await edges(page))[1] < 100_000
    await page.fill("#line", "50000")
    await page.press("#line", "Enter")
    await expect(page.locator(".l.marked[data-n='50000']")).to_be_in_viewport()
    assert without_gap(await mounted(page))
    assert page.url.endswith("#web-1:L50000")
    last = (await edges(page))[1]
    await page.locator("#log").hover()
    await page.mouse.wheel(0, 1_000_000)
    await until(partial(is_below, page, last))
    assert without_gap(await mounted(page))
    await page.click("#follow")
    await expect(page.locator("#log .l[data-n='100000']")).to_be_in_viewport()
    assert await nodes(page) < MOST_NODES


async def test_a_link_leads_to_its_line(store: Store, reader: BrowserContext) -> None:
    """`#web-2:L1200`, which a click on the number of a line makes."""
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.count("web-2", 1, 3_000)
    page = await opened(reader, f"/jobs/{job.id}#web-2:L1200")
    await expect(page.locator(".l.marked")).to_have_attribute("data-n", "1200")
    await expect(page.locator(".l.marked")).to_be_in_viewport()
    await page.locator("#log .l[data-n='1205']").click(position={"x": 5, "y": 5})
    assert page.url.endswith("#web-2:L1205")
    await page.fill("#line", "web-2:L999999")
    await page.press("#line", "Enter")
    await expect(page.locator("#log-error")).to_contain_text("web-2 has no line 999999")


async def test_the_log_is_filtered_by_server_and_step(store: Store, reader: BrowserContext) -> None:
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.count("web-1", 1, 20, step="build")
    await job.count("web-2", 1, 20, step="switch")
    page = await opened(reader, f"/jobs/{job.id}")
    await expect(page.locator("#log .l")).to_have_count(40)
    twenty = list(range(1, 21))
    await page.select_option("#of-host", "web-2")
    await until(partial(shows, page, "web-2", twenty))
    await page.select_option("#of-host", "")
    await expect(page.locator("#log .l")).to_have_count(40)
    await page.select_option("#of-step", "build")
    await until(partial(shows, page, "web-1", twenty))
    await page.select_option("#of-step", "")
    await expect(page.locator("#log .l")).to_have_count(40)
    await page.get_by_role("button", name="web-2").click()
    await until(partial(shows, page, "web-2", twenty))


async def test_a_slider_leads_back_in_time(store: Store, reader: BrowserContext) -> None:
    """States and lines of then, at an address of their own; and back to now."""
    job = await RunningJob.begin(store, "web-1")
    await job.say("web-1", "line 1", after=30)
    await job.end("web-1", State.SUCCEEDED, "line 2", after=90)
    at = job.at(45).isoformat().replace("+", "%2B")
    page = await opened(reader, f"/jobs/{job.id}?at={at}")
    await expect(page.locator("#then")).to_be_visible()
    await expect(page.locator("#runs .state")).to_have_text("running")
    await until(partial(shows, page, "web-1", [1]))
    await page.get_by_role("button", name="Back to now").click()
    await expect(page.locator("#runs .state")).to_have_text("succeeded")
    await until(partial(shows, page, "web-1", [1, 2]))
    await page.focus("#moment")
    for _ in range(5):
        await page.keyboard.press("PageDown")
    await expect(page.locator("#then")).to_be_visible()
    await until(partial(shows, page, "web-1", [1]))
    assert "at=" in page.url


async def test_the_server_searches_all_of_the_output(store: Store, reader: BrowserContext) -> None:
    """Hits are counted over all of it, more of them come at a click, and each leads to its line."""
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.count("web-1", 1, 20_000)
    await job.count("web-2", 1, 10)
    page = await opened(reader, f"/jobs/{job.id}")
    await page.fill("#words", "LINE 77")
    await page.press("#words", "Enter")
    # 77, 770-779, 7700-7799, 77xx does not go beyond 20,000
    await expect(page.locator("#found-words")).to_have_text("100 of 111 lines")
    await page.get_by_role("button", name="More").click()
    await expect(page.locator("#found-words")).to_have_text("111 of 111 lines")
    await expect(page.locator("#more-hits")).to_be_hidden()
    await page.locator(".hit").nth(20).click()
    await expect(page.locator(".l.marked")).to_have_text("line 7709")
    await page.fill("#words", "no such words")
    await page.press("#words", "Enter")
    await expect(page.locator("#found-words")).to_have_text("No line has these words.")


async def test_without_scripts_the_page_says_how_it_is(console: Console, store: Store) -> None:
    """States, the last lines, and the buttons: they are forms."""
    job = await RunningJob.begin(store, "web-1")
    await job.count("web-1", 1, 500)
    async with (
        chromium() as browser,
        person(browser, console.web.url, java_script_enabled=False) as context,
    ):
        page = await opened(context, f"/jobs/{job.id}")
        await expect(page.locator("#log .l")).to_have_count(200)
        await expect(page.locator("#runs .state")).to_have_text("running")
        await expect(page.locator("#search")).to_be_hidden()
        await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
