"""Text that servers and people write is shown as text, whatever it says."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from playwright.async_api import BrowserContext

from alerts import AlertSettings
from baton.bus.messages import Person, State
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import wanted
from tests.support.browser import chromium, opened, person
from tests.support.wait import until

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
LIVE = """() => [window.ran, ...[...document.querySelectorAll(
    "script:not([src]), style, base, iframe, object, main svg[onload], [onerror], [onclick], " +
    "[style], main meta, a[href^='javascript:'], [formaction], [href^='//']"
)].map((node) => node.outerHTML)].filter(Boolean)"""
"""What of the corpus became more than text."""


async def told(console: Console, answer: str, step: str) -> str:
    """A job of which each server says `answer` in each field that it has."""
    for agent in console.agents:
        agent.waits = True
    address = (await console.ask("/ship shop prod")).json()["job"]
    job = str(address["id"] if isinstance(address, dict) else address)
    await until(lambda: all(agent.requests for agent in console.agents))
    for agent in console.agents:
        request = agent.requests[-1]
        await agent.update(request, State.RUNNING, answer, level="log", step=step)
        await agent.update(request, State.FAILED, answer, step=step)

    async def ended() -> bool:
        found = await console.bot.store.ledger.job(job)
        return found is not None and all(run.state.final for run in found[1])

    await until(ended)
    return job


async def shown(reader: BrowserContext, address: str, *, status: int = 200) -> str:
    """The text of a page, of which nothing of the corpus came to life."""
    page = await opened(reader, address, status=status)
    assert await page.evaluate(LIVE) == [], address
    text = await page.inner_text("body")
    await page.close()
    return text


async def test_nothing_that_others_write_is_run(open_console: OpenConsole) -> None:
    """Lines, steps, results, names of people, reasons, matchers, and what is in an address: every
    page shows it as it is. Nothing runs and nothing is loaded, by whatever part of the page."""
    ann = Person(id="U_ANN", name=EVERYTHING[:200])
    alerts = wanted(AlertSettings(channel="C_OPS", group_wait=0.0), "terminal")
    console = await open_console(ann, alerts=alerts)
    job = await told(console, EVERYTHING, CORPUS[1])
    silence = await console.ask(f"/alerts silence app={CORPUS[0]!r} for 1h because {EVERYTHING}")
    assert silence.status_code == 200, silence.text
    runner = console.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine and runner.engine.firing() and runner.engine.silences())
    odd = quote(EVERYTHING)
    async with chromium() as browser, person(browser, console.web.url) as reader:
        assert CORPUS[0] in await shown(reader, "/")
        alerting = await shown(reader, "/alerts")
        assert alerting.count(CORPUS[0]) >= 2, "the result of a run, and the reason of a silence"
        assert CORPUS[0] in await shown(reader, "/audit")
        output = await shown(reader, f"/jobs/{job}")
        assert all(text in output for text in (CORPUS[0], CORPUS[1])), "a line, a step, a result"
        for address in (
            f"/audit?person={odd}&environment={odd}",
            f"/jobs?person={odd[:300]}&command={odd[:100]}&q={odd[:100]}",
            f"/servers?environment={odd}",
            f"/run/ship?f-app={odd}&f-environment={odd}&text={odd}",
            f"/run/ship/plan?f-app={odd}&f-environment={odd}",
        ):
            await shown(reader, address)
        await shown(reader, f"/run/{quote(CORPUS[0], safe='')}", status=404)
        page = await opened(reader, "/")
        await page.get_by_role("combobox", name="Command, as in chat").fill(f"/{EVERYTHING}")
        await asyncio.gather(page.wait_for_url("**/ask"), page.keyboard.press("Enter"))
        assert await page.evaluate(LIVE) == []
        assert CORPUS[3] in await page.inner_text("main")
