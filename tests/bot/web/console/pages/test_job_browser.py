"""The page of a job in a browser: a log of any length, whole."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from baton.bus.messages import State
from bot.store import Store
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob
from tests.support.browser import chromium, opened, person
from tests.support.wait import until

MOST_NODES = 6_000
pytestmark = pytest.mark.slow

MOUNTED = """() => [...document.querySelectorAll("#log .l")].map((node) => [
    `${node.dataset.h}:${node.dataset.n}`, node.textContent])"""


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
    await page.select_option("#of-step", "build")
    await expect(page.locator("#log-empty")).to_have_text("No line matches the filters.")


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
    first, address = await page.inner_text("#at"), page.url
    await page.keyboard.press("PageUp")
    await until(lambda: page.url != address)
    await page.keyboard.press("PageDown")  # the end of the job is where it was
    await until(lambda: page.url == address)
    await expect(page.locator("#at")).to_have_text(first)


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


def cut_all(console: Console) -> None:
    """Cut every connection to the console, in the middle of whatever it says."""
    server: Any = console.web._server
    for connection in list(server.server_state.connections):
        connection.transport.abort()


def streams_of(context: BrowserContext) -> list[str]:
    """The streams that this browser has opened, as they come."""
    opened: list[str] = []
    context.on(
        "request",
        lambda request: opened.append(request.url) if "/events?" in request.url else None,
    )
    return opened


async def test_lines_appear_live_and_survive_cuts_and_reloads(
    console: Console, store: Store, reader: BrowserContext
) -> None:
    """Each line is there once and in its place, whatever became of the connection."""
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.count("web-1", 1, 300)
    page = await opened(reader, f"/jobs/{job.id}")
    await expect(page.locator("#stream")).to_have_text("Live")
    said = 300
    for turn in range(12):
        await job.count("web-1", said + 1, 25)
        said += 25
        if turn % 3 == 1:
            cut_all(console)
        if turn == 7:
            await page.reload()
        await until(partial(shows, page, "web-1", list(range(1, said + 1))))
    await page.select_option("#of-host", "web-2")
    await job.count("web-1", said + 1, 10)
    await job.count("web-2", 1, 10)
    await until(partial(shows, page, "web-2", list(range(1, 11))))
    await job.end("web-1", State.SUCCEEDED, "v2 is live")
    await job.end("web-2", State.FAILED, "disk full")
    await expect(page.locator("#state")).to_have_text("failed")
    await expect(page.locator("#counts")).to_have_text("1 failed, 1 succeeded")
    await expect(page.get_by_role("button", name="Retry what failed")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


async def test_a_job_that_ended_long_ago_is_no_lost_connection(
    store: Store, reader: BrowserContext
) -> None:
    """The bot has nothing to send any more, and the page asks for no more."""
    job = await RunningJob.begin(store, "web-1")
    await job.end("web-1", State.SUCCEEDED, "line 1", after=1)
    page = await opened(reader, f"/jobs/{job.id}")
    await expect(page.locator("#stream")).to_have_text("Ended")
    await expect(page.locator("#follow")).to_be_hidden()
    await until(partial(shows, page, "web-1", [1]))


async def test_who_reads_further_up_stays_there_while_lines_come(
    store: Store, reader: BrowserContext
) -> None:
    job = await RunningJob.begin(store, "web-1")
    await job.count("web-1", 1, 2_000)
    page = await opened(reader, f"/jobs/{job.id}")
    await page.locator("#log-title").evaluate("(node) => node.scrollIntoView()")
    await expect(page.locator("#stream")).to_have_text("Live")
    await page.locator("#log").hover()
    await page.mouse.wheel(0, -3_000)
    await expect(page.locator("#follow")).to_have_text("Follow")
    before = await page.locator("#log").evaluate("(node) => node.scrollTop")
    await job.count("web-1", 2_001, 400)
    await until(partial(is_below, page, 2_399))
    assert await page.locator("#log").evaluate("(node) => node.scrollTop") == before
    await page.click("#follow")
    await expect(page.locator("#log .l[data-n='2400']")).to_be_in_viewport()
    await job.count("web-1", 2_401, 5)
    await expect(page.locator("#log .l[data-n='2405']")).to_be_in_viewport()


async def test_tabs_share_one_stream_and_one_takes_over(
    store: Store, reader: BrowserContext
) -> None:
    """Browsers open six connections to a host: tabs of one job need one of them. The tab that read
    it may close at any time; a tab at which nobody looks reads none."""
    job = await RunningJob.begin(store, "web-1")
    streams = streams_of(reader)
    pages = [await opened(reader, f"/jobs/{job.id}") for _ in range(3)]
    for page in pages:
        await expect(page.locator("#stream")).to_have_text("Live")
    assert len(streams) == 1
    await job.count("web-1", 1, 50)
    for page in pages:
        await until(partial(shows, page, "web-1", list(range(1, 51))))
    await pages[0].close()
    await until(lambda: len(streams) == 2)
    await job.count("web-1", 51, 50)
    for page in pages[1:]:
        await until(partial(shows, page, "web-1", list(range(1, 101))))
    await hide(pages[1], True)
    await hide(pages[2], True)
    await expect(pages[1].locator("#stream")).to_have_text("Paused while nobody looks")
    await job.count("web-1", 101, 50)
    await hide(pages[2], False)
    await until(partial(shows, pages[2], "web-1", list(range(1, 151))))
    assert len(streams) in (3, 4)


async def hide(page: Page, hidden: bool) -> None:
    """Put the tab behind another, or in front."""
    await page.evaluate(
        "(hidden) => {"
        " Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


async def test_jobs_in_many_tabs_are_all_current(store: Store, reader: BrowserContext) -> None:
    """Of more jobs than a browser has connections each page shows what is new."""
    jobs = [await RunningJob.begin(store, "web-1") for _ in range(8)]
    pages = [await opened(reader, f"/jobs/{job.id}") for job in jobs]
    for job in jobs:
        await job.count("web-1", 1, 5)
    for page in pages:
        await until(partial(shows, page, "web-1", list(range(1, 6))))


async def test_lines_come_again_after_the_log_could_not_be_read(
    store: Store, reader: BrowserContext
) -> None:
    """The lines that came while it was being read are not the last ones."""
    job = await RunningJob.begin(store, "web-1", "web-2")
    await job.count("web-1", 1, 3)
    page = await opened(reader, f"/jobs/{job.id}")
    await expect(page.locator("#stream")).to_have_text("Live")
    await page.route("**/lines?*", lambda route: route.fulfill(status=503), times=1)
    await page.select_option("#of-host", "web-1")
    await expect(page.locator("#log-error")).to_be_visible()
    await job.count("web-1", 4, 3)
    await until(partial(shows, page, "web-1", list(range(1, 7))))
    await job.end("web-1", State.SUCCEEDED, "line 7")
    await until(partial(shows, page, "web-1", list(range(1, 8))))
