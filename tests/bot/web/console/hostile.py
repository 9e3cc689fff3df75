"""Text that wants to be more than text, and how a page of it is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog

from tests.support.browser import chromium, opened, person

CORPUS = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "'><svg/onload=window.ran=1>",
    "</title></textarea></script><script>window.ran = 1</script>",
    '<a href="javascript:window.ran=1">click</a>',
    '<div hx-get="/" hx-trigger="load" hx-on:htmx:load="window.ran = 1">',
    "<style>*{background:url(//example.com)}</style><link rel=stylesheet href=//example.com>",
    "<base href=//example.com><meta http-equiv=refresh content=0;url=//example.com>",
    "<form action=//example.com><button formaction=javascript:window.ran=1>",
    "{{ 7 * 7 }} ${7 * 7} <%= 7 * 7 %>",
    "\x1b]8;;javascript:window.ran=1\x07link\x1b]8;;\x07 \x1b[31m<b onclick=window.ran=1>red",
    "&lt;script&gt;window.ran = 1&lt;/script&gt;",
)
EVERYTHING = " ".join(CORPUS)
REF = '<img/src=x/onerror=window.ran=1>"><script>window.ran=1</script>'
"""What git takes as the name of a branch."""
LIVE = """() => [window.ran, ...[...document.querySelectorAll(
    "script:not([src]), style, base, iframe, object, main svg[onload], [onerror], [onclick], " +
    "[style], main meta, a[href^='javascript:'], [formaction], [href^='//']"
)].map((node) => node.outerHTML)].filter(Boolean)"""
"""What of the corpus became more than text."""


@asynccontextmanager
async def unharmed(url: str) -> AsyncIterator[BrowserContext]:
    """Somebody at the console at `url`, whose browser has opened no dialog and reported no error
    when they leave."""
    harm: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # that a page answers 404 is said there too
        if message.type == "error" and "the server responded with a status of" not in message.text:
            harm.append(message.text)

    async def asked(dialog: Dialog) -> None:
        harm.append(dialog.message)
        await dialog.dismiss()

    async with chromium() as browser, person(browser, url) as reader:
        reader.on("console", heard)
        reader.on("dialog", asked)
        yield reader
    assert harm == []


async def shown(reader: BrowserContext, address: str, *, status: int = 200) -> str:
    """The text of a page, of which nothing of the corpus came to life."""
    page = await opened(reader, address, status=status)
    assert await page.evaluate(LIVE) == [], address
    text = await page.inner_text("body")
    await page.close()
    return text
