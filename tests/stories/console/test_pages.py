"""Every page, as people see it: light and dark, wide and narrow, without what keeps people out."""

from __future__ import annotations

from playwright.async_api import Browser

from baton.bus.messages import Person, new_id
from bot.jobs import console_place
from tests.bot.world import no_groups
from tests.stories.console.conftest import Demo
from tests.support.browser import opened, person, usable
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
    "/dead",
)


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


async def test_every_page_can_be_used_by_everybody(demo: Demo, browser: Browser) -> None:
    """Axe finds nothing serious, light and dark; no page is wider than its window; no page breaks
    its own Content-Security-Policy."""
    job = await ask(demo, "/deploy shop prod --host web-1")
    await ask(demo, "/schedule ping prod every 1h")
    await ask(demo, "/demo break web-2")
    runner = demo.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine and runner.engine.firing())
    async with person(browser, demo.url) as reader:
        for address in (*PAGES, f"/jobs/{job}"):
            page = await opened(reader, address)
            await usable(page)
            await page.close()
