"""Signing in with Slack: of our workspace, in the browser that began, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx
from joserfc.jwk import RSAKey

from bot.dispatch.people import Profile
from bot.web.console.sign_in.slack_openid import AUTHORIZE, KEYS, TOKEN, SlackOpenId
from tests.bot.web.console.sign_in.conftest import HTTPS, OpenSite, Site
from tests.bot.web.console.sign_in.slack import Slack

CALLBACK = "/sign-in/slack/callback"


@dataclass
class Team:
    """What the bot knows of its workspace."""

    id: str = "T_OURS"


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
async def site(open_site: OpenSite, slack: Slack, team: Team) -> Site:
    return await open_site(
        HTTPS, openid=lambda url: SlackOpenId("1.2", "s3cret-of-ours", url, lambda: team.id)
    )


@dataclass
class Attempt:
    """What a browser has after it was sent to Slack."""

    state: str
    nonce: str
    cookie: dict[str, str]


async def begun(site: Site) -> Attempt:
    answer = await site.page("/sign-in/slack")
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if "openid" in c)
    assert "secure" in cookie.lower()
    assert "httponly" in cookie.lower()
    return Attempt(query["state"][0], query["nonce"][0], {"Cookie": cookie.partition(";")[0]})


async def back(site: Site, attempt: Attempt, **query: str) -> httpx.Response:
    """Come back from Slack."""
    given = {"state": attempt.state, "code": "good-code", **query}
    headers = {**attempt.cookie, "Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    return await site.browser.get(CALLBACK, params=given, headers=headers)


async def test_who_slack_vouches_for_is_signed_in(site: Site, slack: Slack) -> None:
    """The link on the page leads to Slack, by GET, as our content security policy wants it; the
    secret goes to Slack only."""
    page = await site.page("/sign-in")
    assert 'href="/sign-in/slack"' in page.text
    away = await site.page("/sign-in/slack")
    address = away.headers["location"]
    assert address.startswith(f"{AUTHORIZE}?")
    query = parse_qs(urlsplit(address).query)
    assert query["redirect_uri"] == [f"{HTTPS}{CALLBACK}"]
    assert query["team"] == ["T_OURS"]
    assert query["scope"] == ["openid profile"]
    assert "s3cret" not in address
    attempt = await begun(site)
    slack.vouch(attempt.nonce)
    answer = await back(site, attempt)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert slack.forms[0]["client_secret"] == ["s3cret-of-ours"]
    assert slack.forms[0]["redirect_uri"] == [f"{HTTPS}{CALLBACK}"]
    cookies = answer.headers.get_list("set-cookie")
    session = next(one for one in cookies if one.startswith("__Host-baton-session="))
    me = await site.me(Cookie=session.partition(";")[0])
    assert (me.json()["id"], me.json()["name"]) == ("U_ANN", "ann")
    assert any("baton-openid" in one and "Max-Age=0" in one for one in cookies)
    assert "sign in by Slack" in [one.words for one in await site.store.audit.recent(5)]


def _without(name: str) -> Callable[[Slack], None]:
    return lambda slack: slack.claims.pop(name) and None


def _with(**changes: Any) -> Callable[[Slack], None]:
    return lambda slack: slack.claims.update(changes)


def _another_key(slack: Slack) -> None:
    slack.signed_with = RSAKey.generate_key(2048, {"kid": "one"})


def _unsigned_by_rsa(slack: Slack) -> None:
    slack.alg = "PS256"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_with(**{"https://slack.com/team_id": "T_OTHER"}), "another workspace"),
        (_without("https://slack.com/team_id"), "another workspace"),
        (_without("https://slack.com/user_id"), "not valid"),
        (_with(iss="https://evil.example"), "not valid"),
        (_without("iss"), "not valid"),
        (_with(aud="9.9"), "not valid"),
        (_without("aud"), "not valid"),
        (_with(nonce="of-another-attempt"), "not valid"),
        (_without("nonce"), "not valid"),
        (_with(exp=int(time.time()) - 3600), "not valid"),
        (_without("exp"), "not valid"),
        (_another_key, "not valid"),
        (_unsigned_by_rsa, "not valid"),
    ],
)
async def test_what_slack_did_not_say_of_us_is_refused(
    site: Site, slack: Slack, spoil: Callable[[Slack], None], why: str
) -> None:
    attempt = await begun(site)
    slack.vouch(attempt.nonce)
    spoil(slack)
    answer = await back(site, attempt)
    assert answer.status_code == 403
    assert why in answer.text
    assert "baton-session" not in answer.headers.get("set-cookie", "")
    assert await site.store.sign_ins.of_person("slack", "U_ANN") == []


async def test_an_answer_is_for_the_browser_that_began(site: Site, slack: Slack) -> None:
    """Else a stranger could sign somebody in as the stranger. Slack is not even asked."""
    attempt, other = await begun(site), await begun(site)
    slack.vouch(attempt.nonce)
    for wrong in (
        await back(site, Attempt(attempt.state, "", other.cookie)),
        await back(site, attempt, state=""),
        await back(site, Attempt(attempt.state, "", {})),
        await back(site, Attempt("x", "", {"Cookie": "__Host-baton-openid=x"})),
    ):
        assert wrong.status_code == 403
        assert "Begin again." in wrong.text
    assert slack.forms == []


async def test_a_code_is_used_once(site: Site, slack: Slack) -> None:
    attempt = await begun(site)
    slack.vouch(attempt.nonce)
    assert (await back(site, attempt)).status_code == 303
    again = await back(site, attempt)
    assert again.status_code == 403
    assert "invalid_code" in again.text


async def test_somebody_says_no(site: Site, slack: Slack) -> None:
    attempt = await begun(site)
    answer = await back(site, attempt, error="access_denied<script>")
    assert answer.status_code == 403
    assert "Slack did not sign you in (access_denied&lt;script&gt;)." in answer.text
    assert slack.forms == []


@pytest.mark.parametrize(
    ("profile", "code", "why"),
    [
        (Profile(name="ann", deactivated=True), 403, "deactivated"),
        (Profile(name="ann", standing="guest"), 403, "you are a guest"),
        (None, 503, "It cannot be looked up who you are"),
    ],
)
async def test_our_own_rules_hold_too(
    site: Site, slack: Slack, profile: Profile | None, code: int, why: str
) -> None:
    """Slack vouches for who somebody is. Who is not known otherwise might be a guest."""
    site.people.profiles.pop("U_ANN")
    if profile is not None:
        site.people.profiles["U_ANN"] = profile
    attempt = await begun(site)
    slack.vouch(attempt.nonce)
    answer = await back(site, attempt)
    assert answer.status_code == code
    assert why in answer.text
    assert await site.store.sign_ins.of_person("slack", "U_ANN") == []


@pytest.mark.parametrize("address", [TOKEN, KEYS])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(200, json={"keys": []}),
        httpx.ConnectError("no route"),
    ],
)
async def test_while_slack_is_away_the_page_says_so(
    site: Site,
    slack: Slack,
    router: respx.MockRouter,
    address: str,
    answer: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And what works instead. No secret is in the log."""
    attempt = await begun(site)
    slack.vouch(attempt.nonce)
    method = router.post if address == TOKEN else router.get
    how = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
    method(address).mock(**how)
    shown = await back(site, attempt)
    assert shown.status_code in (403, 503)
    assert "type /baton console in Slack" in shown.text or "Begin again." in shown.text
    out = capfd.readouterr()
    for secret in ("s3cret", "good-code", attempt.nonce, attempt.state):
        assert secret not in out.out + out.err


async def test_before_slack_is_reached_nobody_is_sent_there(site: Site, team: Team) -> None:
    """Which workspace is ours is not known then."""
    team.id = ""
    answer = await site.page("/sign-in/slack")
    assert answer.status_code == 503
    assert "has not reached Slack yet" in answer.text


async def test_without_it_there_is_no_such_page(open_site: OpenSite) -> None:
    site = await open_site()
    assert "/sign-in/slack" not in (await site.page("/sign-in")).text
    assert (await site.page("/sign-in/slack")).status_code == 410
    assert (await site.page(CALLBACK)).status_code == 404
