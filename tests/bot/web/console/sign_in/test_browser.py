"""Signing in as a person does it, in Debian's Chromium."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from baton.bus.messages import Person
from bot.store.sign_ins.sign_in import SignInOwner
from bot.web.console.sign_in.slack_openid import AUTHORIZE, SlackOpenId
from tests.bot.web.console.hostile import CORPUS, EVERYTHING, LIVE, shown, unharmed
from tests.bot.web.console.sign_in.conftest import ANN, OpenSite, Site
from tests.bot.web.console.sign_in.slack import Slack
from tests.support.browser import chromium, opened, person, usable

pytestmark = pytest.mark.slow


async def sign_in(site: Site, context: BrowserContext) -> Page:
    """The tab in which somebody has opened their link and pressed the button."""
    page = await opened(context, await site.link())
    await usable(page)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


async def test_there_and_back(site: Site) -> None:
    """From a page that one may not see yet, over the sign-in, to that page; and out again."""
    await site.store.sign_ins.new_token(ANN, "laptop", "ask", timedelta(days=30))
    async with chromium() as browser, person(browser, site.web.url) as context:
        how = await opened(context, "/sessions")
        await expect(how).to_have_title("Sign in · Baton")
        await usable(how)
        page = await sign_in(site, context)
        assert page.url == f"{site.web.url}/sessions"
        await usable(page)
        await expect(page.get_by_text("laptop")).to_be_visible()
        await page.get_by_role("button", name="Revoke laptop").click()
        await expect(page.get_by_text("You have no tokens.")).to_be_visible()
        await page.get_by_role("banner").get_by_role("button", name="Sign out").click()
        await expect(page).to_have_title("Sign in · Baton")
        assert await site.store.sign_ins.of_person("slack", "U_ANN") == []


async def test_there_and_back_over_slack(open_site: OpenSite, slack: Slack) -> None:
    """Our content security policy lets a browser go to Slack; the cookies of the attempt come back
    with it from there, and it ends on the page that was wanted. Slack's own page is a stand-in."""
    site = await open_site(openid=lambda url: SlackOpenId("1.2", "s3cret", url, lambda: "T_OURS"))

    async def consent(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        slack.vouch(asked["nonce"][0])
        answer = urlencode({"state": asked["state"][0], "code": "good-code"})
        back = escape(f"{asked['redirect_uri'][0]}?{answer}")
        body = f'<!doctype html><title>Slack</title><a href="{back}">Allow</a>'
        await route.fulfill(content_type="text/html", body=body)

    async with chromium() as browser, person(browser, site.web.url) as context:
        await context.route(f"{AUTHORIZE}?*", consent)
        page = await opened(context, "/sessions")
        await page.get_by_role("link", name="Sign in with Slack").click()
        await expect(page).to_have_title("Slack")
        await page.get_by_role("link", name="Allow").click()
        await page.wait_for_url(f"{site.web.url}/sessions")
        await expect(page.get_by_role("heading", name="Sessions and tokens")).to_be_visible()
        assert len(await site.store.sign_ins.of_person("slack", "U_ANN")) == 1
        assert slack.codes == set()
        await page.get_by_role("banner").get_by_role("button", name="Sign out").click()
        await expect(page).to_have_title("Sign in · Baton")


async def test_a_session_that_ends_while_somebody_types(site: Site) -> None:
    """What they typed is on the page that says so, and is asked once they are signed in again."""
    async with chromium() as browser, person(browser, site.web.url) as context:
        page = await sign_in(site, context)
        box = page.get_by_role("combobox", name="Command, as in chat")
        await box.fill("jobs staging")
        (session,) = await site.store.sign_ins.of_person("slack", "U_ANN")
        await site.store.sign_ins.revoke("slack", "U_ANN", session.id)
        await box.press("Escape")
        await box.press("Enter")
        await expect(page.get_by_role("heading")).to_have_text("Your session has ended")
        await expect(page.get_by_text("jobs staging")).to_be_visible()
        await usable(page)
        await (await sign_in(site, context)).close()
        await page.get_by_role("button", name="2. Send it again").click()
        await expect(page.get_by_text("No jobs")).to_be_visible()
        entries = await site.store.audit.recent(5)
        assert [one.words for one in entries].count("jobs staging") == 1


async def test_names_of_people_and_tokens_are_text(site: Site) -> None:
    """Whoever gave them: on the link, among the sessions and tokens, and with what was typed."""
    owner = SignInOwner(Person(id="U_ANN", name=EVERYTHING[:200]), "slack")
    site.people.change("U_ANN", name=EVERYTHING[:200])
    await site.store.sign_ins.new_session(owner, EVERYTHING)
    await site.store.sign_ins.new_token(owner, EVERYTHING, "ask", timedelta(days=30))
    link = await site.link(owner)
    async with unharmed(site.web.url) as reader:
        assert CORPUS[0] in await shown(reader, link)
        page = await opened(reader, link)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        sessions = await shown(reader, "/sessions")
        assert sessions.count(CORPUS[0]) >= 3, "a person, a session, a token"
        for session in await site.store.sign_ins.of_person("slack", "U_ANN"):
            await site.store.sign_ins.revoke("slack", "U_ANN", session.id)
        box = page.get_by_role("combobox", name="Command, as in chat")
        await box.fill(EVERYTHING)
        await box.press("Escape")
        await box.press("Enter")
        await expect(page.get_by_role("heading")).to_have_text("Your session has ended")
        assert await page.evaluate(LIVE) == []
        assert CORPUS[3] in await page.inner_text("main")
