"""Debian's Chromium, as a person uses it: a page that broke its Content-Security-Policy or whose
scripts failed fails its test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
WIDE, NARROW = 1440, 360
"""Widths at which every page must be usable, in pixels."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with no page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def person(
    browser: Browser, url: str, *, width: int = WIDE, dark: bool = False, **options: Any
) -> AsyncIterator[BrowserContext]:
    """Somebody with a browser of their own who uses the console at `url`."""
    context = await browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(30_000)
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            faults.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    try:
        yield context
        assert not faults
    finally:
        await context.close()


async def opened(context: BrowserContext, address: str) -> Page:
    """A new tab that shows the page at `address`."""
    page = await context.new_page()
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == 200, await page.inner_text("main")
    return page
