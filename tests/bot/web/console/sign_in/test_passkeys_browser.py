"""Passkeys as a person uses them: Debian's Chromium, with an authenticator that it simulates."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from baton.agent.journal import MemoryJournal
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.messages import Request, new_id, now
from baton.bus.signing.passkey import Passkey
from tests.bot.build import Ship
from tests.bot.web.console.sign_in.conftest import OpenSite, Site
from tests.bot.web.console.sign_in.test_passkeys import BEN, LOCALHOST, asked, counting
from tests.support.authenticator import Authenticator
from tests.support.browser import chromium, opened, person, usable
from tests.support.wait import until

pytestmark = pytest.mark.slow
SHIP = Ship(app="shop", environment="prod")


async def authenticator(context: BrowserContext, page: Page) -> None:
    """From now on `page` has an authenticator that somebody touches, and who is verified."""
    session = await context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def rules(site: Site, key: Passkey) -> Allowance:
    """What a server with this line in its file takes."""
    page = LOCALHOST.format(port=site.web.port)
    table = {"approve": {"of": [key.line], "origins": [page]}}
    return Allowance(AllowTable.model_validate(table))


async def missing(allowance: Allowance, request: Request) -> str:
    return await allowance.unapproved(request, SHIP, "web-1", MemoryJournal(), now())


async def test_from_a_new_passkey_to_a_server_that_counts_it(open_site: OpenSite) -> None:
    """Added on one page, copied into a server's file, used on the page of a job: the server counts
    it for this job alone, and what a bot that is taken over makes of it not at all."""
    site = await open_site(LOCALHOST)
    url = LOCALHOST.format(port=site.web.port)
    async with chromium() as browser, person(browser, url) as context:
        page = await opened(context, await site.link(BEN))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda where: "/sign-in" not in where)
        await page.goto("/sessions")
        await authenticator(context, page)
        await page.get_by_label("Name").fill("ben, laptop")
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_role("button", name="Remove ben, laptop")).to_be_visible()
        await usable(page)
        (kept,) = await site.store.passkeys.of_person("slack", "U_BEN")
        assert kept.key.line in await page.inner_text("main")

        agent = await counting(site, kept.key)
        id = await asked(site)
        await page.goto(f"/jobs/{id}")
        await expect(page.locator("#hold")).to_contain_text(
            "Signed approvals 0 of 1, which web-1 counts"
        )
        await usable(page)
        await page.get_by_role("button", name="Approve with a passkey").click()
        await until(lambda: agent.requests)
        await expect(page.locator("#answer")).to_contain_text("starts now")

    request, allowance = agent.requests[0], rules(site, kept.key)
    assert await missing(allowance, request) == ""
    assert request.plan is not None
    (given,) = request.approvals
    other = request.plan.model_copy(update={"job": new_id()})
    replayed = request.model_copy(update={"plan": other, "job": other.job})
    assert "it is of another plan" in await missing(allowance, replayed)
    elsewhere = Allowance(AllowTable.model_validate({"approve": {"of": [kept.key.line]}}))
    why = await missing(elsewhere, request)
    assert f"it was given on the page {url}, which is not one of origins" in why
    forged = Authenticator("ben, laptop", "localhost").approves("sha256:0", now(), origin=url)
    mixed = given.model_copy(update={"signature": forged.signature})
    why = await missing(allowance, request.model_copy(update={"approvals": (mixed,)}))
    assert "it is not signed with" in why


async def test_who_does_not_confirm_it_reads_why(open_site: OpenSite) -> None:
    """Nothing is sent, and the button can be pressed again."""
    site = await open_site(LOCALHOST)
    url = LOCALHOST.format(port=site.web.port)
    mine = Authenticator("ben", "localhost")
    agent = await counting(site, mine.public)
    await site.store.passkeys.add("slack", "U_BEN", "AAAA", mine.public)
    id = await asked(site)
    async with chromium() as browser, person(browser, url) as context:
        page = await opened(context, await site.link(BEN))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda where: "/sign-in" not in where)
        await page.goto(f"/jobs/{id}")
        await authenticator(context, page)  # which has not the passkey of that id
        button = page.get_by_role("button", name="Approve with a passkey")
        await button.click()
        await expect(page.locator("#answer")).to_contain_text("The passkey was not used")
        await expect(button).to_be_enabled()
    assert agent.requests == []
