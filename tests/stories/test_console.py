"""The console of a bot that is a process of its own: from Slack into the browser, and back."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.stories.world import World
from tests.support.broker import Broker
from tests.support.policy import OPEN_TOML
from tests.support.wait import until

pytestmark = pytest.mark.slow

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def test_from_slack_into_the_console(broker: Broker, tmp_path: Path) -> None:
    """`/baton console` shows a link to who asked and to nobody else. It signs in; what is asked
    there is the same as in Slack; and what was given out is in no log."""
    async with World(broker, tmp_path) as world:
        bot = await world.starts("web-1")
        shown = (await world.ann.slash("/baton console")).ephemeral or ""
        link = re.search(r"(http://127\.0\.0\.1:\d+)(/sign-in/(\S+))", shown)
        assert link, shown
        assert "signs you in to the console as ann" in shown
        address, path, secret = link.groups()
        async with httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as browser:
            assert (await browser.get("/api/v1/me")).status_code == 401
            assert "Sign in as ann?" in (await browser.get(path, headers=OURS)).text
            assert (await browser.post(path, headers=OURS)).status_code == 303
            assert (await browser.get("/api/v1/me")).json()["id"] == "U_ANN"
            text = {"text": "deploy shop prod"}
            begun = await browser.post("/api/v1/asks", json=text, headers=OURS)
            assert begun.status_code == 200, begun.text
            await until(lambda: world.agents["web-1"].live is not None, timeout=60)
            said = (await world.ann.slash("/baton token new ci --scope ask")).ephemeral or ""
            token = re.search(r"baton_\S{43}", said)
            assert token, said
            cookie = browser.cookies["baton-session"]
        bearer = {"Authorization": f"Bearer {token[0]}"}
        async with httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as program:
            assert (await program.get("/api/v1/me", headers=bearer)).json()["name"] == "ann"
            revoked = (await world.ann.slash("/baton token revoke ci")).ephemeral or ""
            assert "Revoked: the token ci works no more." in revoked
            assert (await program.get("/api/v1/me", headers=bearer)).status_code == 401
        assert world.posts == []
        for one in (secret, cookie, token[0]):
            assert one.removeprefix("baton_") not in bot.log
        audit = (await world.ann.slash("/baton audit")).ephemeral or ""
        assert "sign in by link" in audit
        assert "token new ci" in audit
        assert secret not in audit


async def test_in_a_channel_only_who_asked_reads_the_link(broker: Broker, tmp_path: Path) -> None:
    """Also of a mention, which everybody reads: no message of the bot has it."""
    async with World(broker, tmp_path) as world:
        await world.starts()
        await world.ann.says("<@U_BATON> console")
        await until(lambda: any("/sign-in/" in one for one in world.ann.person.ephemerals))
        assert not any("/sign-in/" in one for one in world.ben.person.ephemerals)
        assert world.posts == []


async def test_a_console_that_is_turned_off_is_not_there(broker: Broker, tmp_path: Path) -> None:
    """Neither its pages nor its API; health is. In Slack people read why."""
    off = f"{OPEN_TOML}\n[web]\nconsole = false\n"
    async with World(broker, tmp_path, policy=off) as world:
        bot = await world.starts()
        shown = (await world.ann.slash("/baton console")).ephemeral or ""
        assert "This bot has no console" in shown
        listening = re.search(r"http://127\.0\.0\.1:\d+", bot.log)
        assert listening, bot.log
        url = listening[0]
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as browser:
            for path in ("/", "/sign-in", "/sessions", "/api/v1/me"):
                assert (await browser.get(path)).status_code == 404
            assert (await browser.get("/healthz")).status_code == 200
