"""Debian's Chromium, as a person uses it: a page that breaks its Content-Security-Policy, and a
script that fails, fail the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
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
