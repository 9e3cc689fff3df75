"""Every page, as people see it: light and dark, wide and narrow, without what keeps people out."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from baton.bus.messages import Person, new_id
from bot.jobs import console_place
from tests.bot.world import no_groups
from tests.stories.console.conftest import Demo
from tests.support.browser import NARROW, WIDE, opened, person
from tests.support.wait import until

PAGES = (
    "/",
    "/run",
    "/run/deploy?f-app=shop&f-environment=prod",
    "/jobs",
    "/servers",
    "/alerts",
    "/schedules",
    "/audit",
)
FIND = "axe.run({resultTypes: ['violations']})"


async def ask(demo: Demo, text: str) -> str:
    """The job that `text` begins, asked for by somebody else than whoever looks at the pages."""
    reply = await demo.bot.dispatcher.ask(
        text,
        asker=Person(id="ann", name="ann"),
        groups=no_groups,
        place=console_place("terminal"),
        key=new_id(),
    )
    assert reply.ok, reply.text
    return reply.job


async def wrong(page: Page, seen: str) -> list[str]:
    """What keeps somebody from using the page as it looks now, which `seen` describes."""
    found: dict[str, Any] = await page.evaluate(FIND)
    problems = [
        f"{seen}: {each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append(f"{seen}: wider than its window")
    return problems


async def test_every_page_can_be_used_by_everybody(demo: Demo, browser: Browser) -> None:
    """Axe finds nothing serious, light and dark; no page is wider than its window; no page breaks
    its own Content-Security-Policy."""
    job = await ask(demo, "/deploy shop prod --host web-1")
    await ask(demo, "/schedule ping prod every 1h")
    await ask(demo, "/demo break web-2")
    runner = demo.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine and runner.engine.firing())
    found: list[str] = []
    async with person(browser, demo.url) as reader:
        for address in (*PAGES, f"/jobs/{job}"):
            page = await opened(reader, address)
            await page.evaluate(Axe().axe_script)
            for width in (WIDE, NARROW):
                await page.set_viewport_size({"width": width, "height": 900})
                await page.emulate_media(color_scheme="light")
                found += await wrong(page, f"{address} {width} px, light")
                await page.emulate_media(color_scheme="dark")
                found += await wrong(page, f"{address} {width} px, dark")
            await page.close()
    assert not found, "\n".join(found)
