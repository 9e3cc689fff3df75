"""A request comes from whoever its session or token belongs to, as their chat knows them now."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from baton.bus.messages import Person
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.store.jobs.audit_entries import AuditFilter
from bot.store.sign_ins.sign_in import Scope
from bot.web.console.access import LocalAccess
from bot.web.console.feed import feeds
from tests.bot.store.build import asked, deploy
from tests.bot.web.console.sign_in.conftest import ANN, HTTPS, OpenSite, Site
from tests.bot.world import away, beat

DAY = timedelta(days=1)
ASK = {"text": "help"}


async def token(site: Site, scope: Scope = "ask") -> dict[str, str]:
    secret, _ = await site.store.sign_ins.new_token(ANN, scope, scope, DAY)
    return {"Authorization": f"Bearer {secret}"}


async def ask(site: Site, **headers: str) -> httpx.Response:
    return await site.browser.post("/api/v1/asks", json=ASK, headers=headers)


@pytest.mark.parametrize("path", ["/api/v1/me", "/sessions"])
async def test_without_sign_in_there_is_nothing(site: Site, path: str) -> None:
    """For a program a 401 that says how, for a person the way to the sign-in."""
    answer = await site.browser.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "type /baton console" in answer.json()["detail"]
    assert (await ask(site, **{"Sec-Fetch-Site": "same-origin"})).status_code == 401


async def test_a_token_is_for_programs_and_a_session_for_browsers(site: Site) -> None:
    """Neither is taken in the place of the other."""
    headers = await token(site)
    assert (await site.me(**headers)).json()["scopes"] == ["ask", "read"]
    assert (await ask(site, **headers)).status_code == 200
    await site.sign_in()
    session = site.browser.cookies["baton-session"]
    site.browser.cookies.clear()
    assert (await site.me(Authorization=f"Bearer {session}")).status_code == 401
    secret = headers["Authorization"].removeprefix("Bearer ")
    assert (await site.me(Cookie=f"baton-session={secret}")).status_code == 401
    assert (await site.me(Authorization=f"bearer  {secret}")).status_code == 200
    for wrong in ("Bearer x", f"Basic {secret}", f"Bearer {secret}x", "Bearer"):
        assert (await site.me(Authorization=wrong)).status_code == 401


async def test_a_wrong_token_is_not_made_good_by_a_session(site: Site) -> None:
    await site.sign_in()
    answer = await site.me(Authorization="Bearer baton_wrong")
    assert answer.status_code == 401
    assert "This token is unknown or has expired." in answer.json()["detail"]


async def test_a_token_for_reading_may_not_ask(site: Site) -> None:
    """The answer says how to get one that may."""
    headers = await token(site, "read")
    assert (await site.me(**headers)).json()["scopes"] == ["read"]
    answer = await ask(site, **headers)
    assert answer.status_code == 403
    assert "may only read" in answer.json()["detail"]
    assert "--scope ask" in answer.json()["detail"]


async def test_a_token_for_reading_may_plan(site: Site) -> None:
    """A plan changes nothing; from a browser it must still come from a page of ours."""
    headers = await token(site, "read")
    answer = await site.browser.post("/api/v1/plans", json=ASK, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == f"/{ASK['text']}"
    await site.sign_in()
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}
    assert (await site.browser.post("/api/v1/plans", json=ASK, headers=foreign)).status_code == 403


async def test_what_is_revoked_ends_in_the_middle(site: Site) -> None:
    headers = await token(site)
    await site.sign_in()
    assert (await site.me(**headers)).status_code == (await site.me()).status_code == 200
    for one in await site.store.sign_ins.of_person("slack", "U_ANN"):
        await site.store.sign_ins.revoke("slack", "U_ANN", one.id)
    assert (await site.me(**headers)).status_code == (await site.me()).status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Origin": "SELF"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 200),  # see below
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_another_page_asks_nothing(site: Site, headers: dict[str, str], code: int) -> None:
    """With somebody's cookie it would ask in their name. (A name of its own for our address gets no
    cookie of ours from a browser: the one here is sent by hand.)"""
    await site.sign_in()
    cookie = f"baton-session={site.browser.cookies['baton-session']}"
    sent = {name: value.replace("SELF", site.web.url) for name, value in headers.items()}
    async with site.client() as browser:
        answer = await browser.post("/api/v1/asks", json=ASK, headers={"Cookie": cookie, **sent})
    assert answer.status_code == code, answer.text
    if code == 403:
        assert answer.json()["detail"].startswith("Another web page sent this request.")
        assert await site.store.audit.page(AuditFilter(person="U_ANN"), 5) != []
        assert "help" not in [one.words for one in await site.store.audit.recent(5)]


async def test_a_proxy_may_change_the_host(open_site: OpenSite) -> None:
    """What counts is the address that people open."""
    site = await open_site(HTTPS)
    answer = await site.post(await site.link())
    name, _, value = answer.headers.get_list("set-cookie")[0].partition(";")[0].partition("=")
    cookie = {"Cookie": f"{name}={value}"}
    assert (await ask(site, Origin=HTTPS, **cookie)).status_code == 200
    assert (await ask(site, Origin="http://baton.example.com", **cookie)).status_code == 403


async def test_a_token_needs_no_origin(site: Site) -> None:
    """No page of somebody else's has it."""
    headers = await token(site)
    assert (await ask(site, Origin="http://other.example", **headers)).status_code == 200


async def test_who_was_deactivated_is_out_at_once(site: Site) -> None:
    headers = await token(site)
    await site.sign_in()
    site.people.change("U_ANN", deactivated=True)
    for answer in (await site.me(), await site.me(**headers)):
        assert answer.status_code == 403
        assert answer.json()["detail"] == "The account of ann is deactivated."


async def test_people_are_who_their_chat_says_they_are_now(site: Site) -> None:
    """A new name shows; a member who has become a guest may do what guests may."""
    await site.sign_in()
    site.people.change("U_ANN", name="anna")
    assert (await site.me()).json()["name"] == "anna"
    site.people.change("U_ANN", standing="guest")
    answer = await site.me()
    assert answer.status_code == 403
    assert "you are a guest" in answer.json()["detail"]


async def test_while_the_chat_is_away_people_are_who_they_were(site: Site) -> None:
    """The console is the way in when Slack is down. It is not asked at each request then."""
    await site.sign_in()
    site.people.away = True
    before = site.people.asked
    for _ in range(5):
        assert (await site.me()).json()["name"] == "ann"
    assert site.people.asked == before + 1


async def test_groups_are_those_of_the_chat_now(open_site: OpenSite) -> None:
    """Whoever leaves a group loses what it may, without a new sign-in."""
    rule = Rule(who=("@oncall",), environments=("prod",))
    site = await open_site(policy=Policy([rule], {"prod": EnvironmentTable(ask="#ops")}))
    site.bot.servers.record(beat("web-1"))
    await site.sign_in()
    same = {"Sec-Fetch-Site": "same-origin"}

    async def ship() -> httpx.Response:
        text = {"text": "ship shop prod"}
        return await site.browser.post("/api/v1/asks", json=text, headers=same)

    assert (await ship()).status_code == 403
    site.people.groups["U_ANN"] = frozenset({"oncall"})
    begun = await ship()
    assert begun.status_code == 200, begun.text
    assert begun.json()["job"]
    site.people.groups.clear()
    assert (await ship()).status_code == 403
    job = await site.store.ledger.job(begun.json()["job"])
    assert job is not None
    assert (job[0].asked_by.id, job[0].place.directory) == ("U_ANN", "slack")


async def test_without_the_database_nobody_is_known(site: Site) -> None:
    """Which is said as such: it is no reason to sign in again."""
    await site.sign_in()
    with away(site.store):
        answer = await site.me()
        assert answer.status_code == 503
        assert "disk is full" in answer.json()["detail"]
    assert (await site.me()).status_code == 200


async def test_what_only_the_writing_of_fails_still_works(site: Site) -> None:
    """When a session was last used is not worth an error."""
    await site.sign_in()
    with away(site.store, writes_only=True):
        assert (await site.me()).status_code == 200


def test_without_sign_in_only_this_machine_is_served() -> None:
    """A person without sign-in is somebody at this machine: no other address is accepted."""
    LocalAccess(Person(id="x"), "terminal", ["http://127.0.0.1:1", "http://localhost:1"])
    with pytest.raises(AssertionError):
        LocalAccess(Person(id="x"), "terminal", ["http://10.0.0.1:1"])


async def test_an_open_stream_ends_with_the_session(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is signed out sees no more of a job that they watch."""
    monkeypatch.setattr(feeds, "CHECK_SECONDS", 1)
    job = await asked(site.store, deploy("web-1"))
    headers = await token(site)
    address = f"/api/v1/jobs/{job.job.id}/events"
    async with site.browser.stream("GET", address, headers=headers, timeout=30) as watched:
        assert watched.status_code == 200
        pieces = watched.aiter_bytes()
        begun = b""
        while b"event: news" not in begun:
            begun += await anext(pieces)
        await site.store.sign_ins.revoke_token("slack", "U_ANN", "ask")
        async for _ in pieces:
            pass
    assert (await site.browser.get(address, headers=headers)).status_code == 401
