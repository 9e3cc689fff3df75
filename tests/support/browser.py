"""Debian's Chromium, as a person uses it: a page that breaks its Content-Security-Policy, and a
script that fails, fail the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    async_playwright,
    expect,
)

CHROMIUM = "/usr/bin/chromium"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = 1440, 360
"""Widths at which every page must be usable, in pixels."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with no page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def person(
    browser: Browser, url: str, *, width: int = WIDE, dark: bool = False, **options: Any
) -> AsyncIterator[BrowserContext]:
    """Somebody with cookies and tabs of their own, who uses the console at `url`."""
    context = await browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(30_000)
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    context.on("console", heard)
    context.on("weberror", lambda error: faults.append(str(error.error)))
    try:
        yield context
        assert not faults
    finally:
        await context.close()


async def opened(context: BrowserContext, address: str, *, status: int = 200) -> Page:
    """A new tab that shows the page at `address`, with the parts that it asks for by itself."""
    page = await context.new_page()
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == status, await page.inner_text("main")
    # not wait_for_function, which would need the `eval` that the page's policy forbids
    await expect(page.locator(".htmx-request")).to_have_count(0)
    return page


async def usable(page: Page) -> None:
    """Raise AssertionError if anything keeps somebody from using the page: light or dark, wide or
    narrow, axe finds something serious, or it is wider than its window."""
    found: list[str] = []
    await page.evaluate(Axe().axe_script)
    for width, dark in product((WIDE, NARROW), (False, True)):
        seen = f"{width} px, {'dark' if dark else 'light'}"
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme="dark" if dark else "light")
        answer: dict[str, Any] = await page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            f"{seen}: {each['id']}: {node['html'][:200]}"
            for each in answer["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{seen}: wider than its window")
    assert not found, "\n".join([page.url, *found])


async def tab_to(page: Page, thing: Locator) -> None:
    """Press Tab until `thing` has the focus, which must be seen. Raises AssertionError if it cannot
    be reached."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await thing.evaluate("(node) => node === document.activeElement"):
            await expect(thing).not_to_have_css("outline-style", "none")
            return
    raise AssertionError(f"Tab does not lead to {thing}")
