"""Signing in by a link that is used once, signing out, and one's sessions and tokens."""

from __future__ import annotations

import asyncio
import html
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from baton.bus.messages import Person
from bot.dispatch.people import Profile
from bot.store.sign_ins.sign_in import SignInOwner
from tests.bot.counter import GUEST
from tests.bot.web.console.sign_in.conftest import ANN, HTTPS, OpenSite, Site

BEN = SignInOwner(Person(id="U_BEN", name="ben"), "slack")


async def test_from_slack_to_the_page(site: Site) -> None:
    """`/baton console` gives a link; its page has one button; that signs in."""
    text = await site.asked_in_chat("console")
    path = urlsplit(text.splitlines()[0]).path
    page = await site.page(path)
    assert page.status_code == 200
    assert "Sign in as ann?" in page.text
    assert page.text.count("<button") == 1
    assert (await site.me()).status_code == 401
    answer = await site.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    me = await site.me()
    assert me.status_code == 200
    assert me.json() == {
        "id": "U_ANN",
        "name": "ann",
        "directory": "slack",
        "scopes": ["ask", "read"],
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_preview_of_a_link_uses_up_nothing(site: Site, method: str) -> None:
    """Chats and mail scanners open what they see in a message, with all that browsers send."""
    path = await site.link()
    for _ in range(3):
        async with site.client() as scanner:
            answer = await scanner.request(method, path)
            assert "set-cookie" not in answer.headers
            assert answer.headers.get("cache-control", "no-store") == "no-store"
    await site.post(path)
    assert (await site.me()).status_code == 200


async def test_a_stolen_link_is_worth_nothing_after_use(site: Site) -> None:
    """Whoever comes second reads that it is over, and how to get another."""
    path = await site.link()
    await site.post(path)
    async with site.client() as thief:
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        for answer in (
            await thief.get(path, headers=headers),
            await thief.post(path, headers=headers),
        ):
            assert answer.status_code == 410
            assert "Type /baton console in Slack for a new one." in answer.text
            assert "set-cookie" not in answer.headers
        assert (await thief.get("/api/v1/me")).status_code == 401
    assert (await site.me()).status_code == 200


async def test_two_clicks_at_once_are_one_session(site: Site) -> None:
    path = await site.link()
    answers = await asyncio.gather(*(site.post(path) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [303, 410, 410, 410, 410]
    assert len(await site.store.sign_ins.of_person("slack", "U_ANN")) == 1


@pytest.mark.parametrize("path", ["/sign-in/x", "/sign-in/baton_" + "A" * 43, "/sign-in/%00"])
async def test_an_unknown_link(site: Site, path: str) -> None:
    assert (await site.page(path)).status_code == 410
    assert (await site.post(path)).status_code == 410


async def test_one_comes_back_to_where_one_was(site: Site) -> None:
    """Over the sign-in, though the link was opened from Slack and knows nothing of it."""
    led = await site.page("/sessions?a=1&b=ü")
    assert led.status_code == 303
    assert led.headers["location"].startswith("/sign-in?next=/sessions")
    how = await site.page(led.headers["location"])
    assert how.status_code == 200
    assert "/baton console" in how.text
    answer = await site.post(await site.link())
    assert answer.headers["location"] == "/sessions?a=1&b=%C3%BC"
    again = await site.page("/sign-in?next=/sessions")
    assert (again.status_code, again.headers["location"]) == (303, "/sessions")


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "evil",
        "/x%0d%0aSet-Cookie:a=b",
        "/" + "x" * 3000,
    ],
)
async def test_nobody_is_led_away(site: Site, evil: str) -> None:
    """An address in a link to the sign-in leads to no other site."""
    await site.page(f"/sign-in?next={evil}")
    answer = await site.post(await site.link())
    assert answer.headers["location"] == "/"


async def test_the_cookie_on_loopback(site: Site) -> None:
    answer = await site.post(await site.link())
    cookie = next(
        one for one in answer.headers.get_list("set-cookie") if one.startswith("baton-session=")
    )
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes
    assert not any(one.startswith("domain") for one in attributes)


async def test_the_cookie_over_https(open_site: OpenSite) -> None:
    """Is sent over https only, to this very host."""
    site = await open_site(HTTPS)
    answer = await site.post(await site.link())
    cookies = answer.headers.get_list("set-cookie")
    cookie = next(one for one in cookies if one.startswith("__Host-baton-session="))
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "secure"} <= attributes
    assert not any(one.startswith("domain") for one in attributes)
    value = cookie.partition("=")[2].partition(";")[0]
    good = await site.me(Cookie=f"__Host-baton-session={value}")
    assert good.status_code == 200
    # one that another page of the domain may have set without https
    assert (await site.me(Cookie=f"baton-session={value}")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_another_page_signs_nobody_in_or_out(site: Site, headers: dict[str, str]) -> None:
    """Else it could have somebody ask under a stranger's name."""
    path = await site.link()
    async with site.client() as browser:
        answer = await browser.post(path, headers=headers)
        assert answer.status_code == 403
        assert "Another web page sent this request." in answer.json()["detail"]
        assert "set-cookie" not in answer.headers
    await site.post(path)
    assert (await site.browser.post("/sign-out", headers=headers)).status_code == 403
    assert (await site.me()).status_code == 200


async def test_signing_out_ends_the_session(site: Site) -> None:
    """Of this browser, also for whoever has copied its cookie."""
    await site.sign_in()
    cookies = dict(site.browser.cookies)
    answer = await site.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "baton-session" not in site.browser.cookies
    async with site.client() as thief:
        thief.cookies.update(cookies)
        assert (await thief.get("/api/v1/me")).status_code == 401
    assert (await site.post("/sign-out")).status_code == 303  # twice is no fault


async def test_signing_in_again_ends_the_session_before(site: Site) -> None:
    await site.sign_in()
    await site.sign_in(BEN)
    assert (await site.me()).json()["id"] == "U_BEN"
    assert await site.store.sign_ins.of_person("slack", "U_ANN") == []


async def test_a_page_lists_what_one_can_revoke(site: Site) -> None:
    """One's own sessions and tokens and nobody else's; what is revoked ends in the middle."""
    firefox = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
    await site.post(await site.link(), headers=firefox)
    await site.store.sign_ins.new_token(ANN, "laptop", "ask", timedelta(days=1))
    await site.store.sign_ins.new_token(BEN, "bens-own", "ask", timedelta(days=1))
    async with site.client() as other:
        headers = {"Sec-Fetch-Site": "same-origin"}
        await other.post(await site.link(), headers=headers)
        page = (await site.page("/sessions")).text
        assert "Firefox on Linux" in page
        assert "(this one)" in page
        assert "laptop" in page
        assert "bens-own" not in page
        assert (await other.get("/api/v1/me")).status_code == 200
        mine = await site.store.sign_ins.of_person("slack", "U_ANN", "session")
        there = next(one for one in mine if one.name != "Firefox on Linux")
        assert f"/sessions/{there.id}/revoke" in page
        answer = await site.post(f"/sessions/{there.id}/revoke")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sessions")
        assert (await other.get("/api/v1/me")).status_code == 401
    (bens,) = await site.store.sign_ins.of_person("slack", "U_BEN")
    await site.post(f"/sessions/{bens.id}/revoke")
    assert len(await site.store.sign_ins.of_person("slack", "U_BEN")) == 1
    own = next(one for one in mine if one.name == "Firefox on Linux")
    answer = await site.post(f"/sessions/{own.id}/revoke")
    assert answer.headers["location"] == "/sign-in"
    assert (await site.me()).status_code == 401


async def test_who_may_not_come_in_is_not_signed_in(site: Site) -> None:
    """Who was deactivated within the minute, and a guest whom no rule names: the page says why."""
    path = await site.link()
    site.people.change("U_ANN", deactivated=True)
    answer = await site.post(path)
    assert answer.status_code == 403
    assert "The account of ann is deactivated." in answer.text
    site.people.profiles["U_GUEST"] = Profile(name="gus", standing="guest")
    answer = await site.post(await site.link(SignInOwner(GUEST, "slack")))
    assert answer.status_code == 403
    assert "you are a guest" in answer.text
    assert (await site.me()).status_code == 401


async def test_sign_in_is_limited(site: Site) -> None:
    """Guessing is told to wait; who is signed in notices nothing."""
    await site.sign_in()
    async with site.client() as guesser:
        headers = {"Accept": "text/html"}
        tried = 0
        while (last := await guesser.get("/sign-in/x", headers=headers)).status_code == 410:
            tried += 1
            assert tried < 500
        assert tried > 20
        assert last.status_code == 429
        assert int(last.headers["retry-after"]) >= 1
        assert "Too many attempts to sign in" in last.text
    assert (await site.me()).status_code == 200


async def test_signing_in_is_recorded_and_no_secret_is(
    site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The audit log has who signed in; neither it nor a log nor a metric has a link, a session or a
    token."""
    caplog.set_level("DEBUG")
    link = (await site.asked_in_chat("console")).splitlines()[0].rpartition("/")[2]
    await site.page(f"/sign-in/{link}")
    await site.post(f"/sign-in/{link}")
    await site.post(f"/sign-in/{link}")
    session = site.browser.cookies["baton-session"]
    token = await site.asked_in_chat("token new ci")
    await site.me(Authorization=f"Bearer {token}")
    await site.page("/sessions")
    await site.post("/sign-out")
    await site.me()
    entries = await site.store.audit.recent(20)
    assert "sign in by link" in [one.words for one in entries]
    metrics = (await site.browser.get("/metrics")).text
    out = capfd.readouterr()
    # those of the browser here, which are none of the bot's, left out
    logged = [one.getMessage() for one in caplog.records if not one.name.startswith("http")]
    everything = "".join([repr(entries), metrics, *logged, out.out, out.err])
    for secret in (link, session, token):
        assert re.fullmatch(r"baton_\S{43}", secret)
        assert secret.removeprefix("baton_") not in everything


async def test_what_was_typed_outlives_the_session(site: Site) -> None:
    """A form that is sent with a session that has ended is not lost: its page keeps all of it, says
    what it was, and sends it again as it was."""
    await site.sign_in()
    (session,) = await site.store.sign_ins.of_person("slack", "U_ANN")
    await site.store.sign_ins.revoke("slack", "U_ANN", session.id)
    form = {"key": "k1", "text": 'help "<b>" &amp; ü', "back": "/servers"}
    referer = {"Referer": f"{site.web.url}/servers?x=1"}
    page = await site.post("/ask", data=form, headers=referer)
    assert page.status_code == 401
    assert "Nothing was done." in page.text
    assert 'href="/sign-in?next=/servers%3Fx%3D1"' in page.text
    assert "<b>" not in page.text
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', page.text)
    assert {name: html.unescape(value) for name, value in fields} == form
    assert re.search(r'<form action="/ask" method="post">', page.text)
    assert "help" not in [one.words for one in await site.store.audit.recent(5)]
    await site.sign_in()
    assert (await site.post("/ask", data=form)).status_code < 500
    assert form["text"] in [one.words for one in await site.store.audit.recent(5)]


async def test_another_page_gets_no_form_prepared(site: Site) -> None:
    """Somebody without a session would be led to send what a stranger wrote, with one click."""
    answer = await site.post(
        "/ask", data={"text": "deploy shop prod"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert "deploy shop prod" not in answer.text


async def test_a_part_of_a_page_that_asks_again_leaves_the_page_alone(site: Site) -> None:
    """No redirect takes away a form that is half filled in: the script says what happened."""
    for answer in (
        await site.page("/sessions", **{"HX-Request": "true"}),
        await site.post("/ask", data={"text": "x"}, headers={"HX-Request": "true"}),
    ):
        assert answer.status_code == 401
        assert answer.text == ""
        assert "hx-redirect" not in answer.headers
        assert "location" not in answer.headers


async def test_a_form_of_a_command_outlives_the_session(site: Site) -> None:
    """However much was typed, and with the key that makes it happen once."""
    form = {"f-app": "shop", "f-environment": "prod", "f-ref": "x" * 3_000, "key": "k1"}
    page = await site.post("/run/ship", data=form, headers={"Accept": "text/html"})
    assert page.status_code == 401
    fields = re.findall(r'<input type="hidden" name="([\w-]+)" value="(.*?)">', page.text)
    assert dict(fields) == form
    assert '<form action="/run/ship" method="post">' in page.text
    assert await site.store.ledger.recent(5) == []
