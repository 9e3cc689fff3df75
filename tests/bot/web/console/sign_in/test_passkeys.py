"""Passkeys on the pages: who has which, and what they are asked to sign."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from baton.agent.trust.allow import AllowTable
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Person
from baton.bus.signing.approval import write_token
from baton.bus.signing.passkey import Passkey
from bot.store.sign_ins.sign_in import SignInOwner
from bot.web.console.sign_in.passkeys import site_of
from tests.bot.web.console.sign_in.conftest import ANN, OpenSite, Site
from tests.bot.world import Agent
from tests.support.authenticator import Authenticator
from tests.support.wait import until

LOCALHOST = "http://localhost:{port}"
BEN = SignInOwner(Person(id="U_BEN", name="ben"), "slack")


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """The console at an address at which browsers make passkeys, where ben is signed in."""
    site = await open_site(LOCALHOST)
    await site.sign_in(BEN)
    return site


def spki(key: Any) -> str:
    """A public key as browsers hand it out."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://baton.example.com:8443", "baton.example.com"),
        ("http://localhost:8080", "localhost"),
        ("http://baton.example.com", ""),
        ("https://10.0.0.1", ""),
        ("https://[::1]:8080", ""),
        ("", ""),
    ],
)
def test_browsers_make_passkeys_over_https_and_for_names(url: str, found: str) -> None:
    assert site_of(url) == found


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()]
)
async def test_one_that_is_added_is_a_line_for_agents_until_it_is_removed(
    site: Site, key: Any
) -> None:
    """Of its owner alone; nobody else removes it."""
    form = {"name": " my\tlaptop ", "id": "abc_-1", "key": spki(key)}
    assert (await site.post("/passkeys", data=form)).status_code == 303
    (kept,) = await site.store.passkeys.of_person("slack", "U_BEN")
    assert (kept.id, kept.key.name, kept.key.site) == ("abc_-1", "my laptop", "localhost")
    assert kept.key.line in (await site.page("/sessions")).text
    again = await site.post("/passkeys", data=form)
    assert again.status_code == 409
    assert await site.store.passkeys.remove("slack", "U_ANN", "abc_-1") is False
    assert (await site.post("/passkeys/abc_-1/remove")).status_code == 303
    assert await site.store.passkeys.of_person("slack", "U_BEN") == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": " "}, "needs a name"),
        ({"id": ""}, "needs a name"),
        ({"id": "a b"}, "needs a name"),
        ({"key": "!"}, "no base 64"),
        ({"key": "AAAA"}, "another kind than ES256 and EdDSA"),
        ({"key": spki(ec.generate_private_key(ec.SECP384R1()))}, "another kind than ES256"),
    ],
)
async def test_what_is_no_passkey_is_not_kept(
    site: Site, changes: dict[str, str], reason: str
) -> None:
    form = {"name": "laptop", "id": "abc", "key": spki(ec.generate_private_key(ec.SECP256R1()))}
    answer = await site.post("/passkeys", data={**form, **changes})
    assert answer.status_code == 422
    assert reason in answer.text
    other = await site.post("/passkeys", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert other.status_code == 403
    assert await site.store.passkeys.of_person("slack", "U_BEN") == []


async def counting(site: Site, *keys: Passkey) -> Agent:
    """A server that counts one signature with these keys, known to the bot."""
    agent = Agent(MemoryChannel("memory://site", on=site.bus), "web-1")
    lines, page = [key.line for key in keys], LOCALHOST.format(port=site.web.port)
    table = {"approve": {"of": lines, "origins": [page]}}
    rules = tuple(rule.facts for rule in AllowTable.model_validate(table).approve)
    agent.facts = agent.facts.model_copy(update={"approve": rules})
    await agent.start()
    await agent.beat()
    await until(lambda: site.bot.servers.servers())
    return agent


async def asked(site: Site) -> str:
    """The ID of a job of ann's that waits."""
    await site.asked_in_chat("ship shop prod")
    (job,) = await site.store.ledger.recent(1)
    return job.id


async def test_what_is_handed_out_is_what_a_server_takes(site: Site) -> None:
    """The challenge, signed, is an approval: the job starts. Of a job that waits for nobody, and to
    somebody without a passkey, nothing is handed out."""
    mine = Authenticator("ben", "localhost")
    agent = await counting(site, mine.public)
    id = await asked(site)
    nothing = await site.browser.get(f"/jobs/{id}/passkey")
    assert nothing.status_code == 404
    assert "Approve with a passkey" in (await site.page(f"/jobs/{id}")).text
    await site.store.passkeys.add("slack", "U_BEN", "abc", mine.public)
    given = (await site.browser.get(f"/jobs/{id}/passkey")).json()
    assert (given["site"], given["keys"][0]["id"]) == ("localhost", "abc")
    found = await site.store.ledger.job(id)
    assert found is not None
    page = LOCALHOST.format(port=site.web.port)
    at = datetime.fromisoformat(given["at"])
    approval = mine.approves(found[0].plan_digest, at, origin=page)
    assert approval.passkey is not None
    assert approval.passkey.document["challenge"] == given["challenge"]
    token = write_token(approval, mine.public)
    text = f"/approve {id} --plan {given['plan']} --signature {token}"
    answer = await site.post("/ask", data={"text": text, "key": "1"})
    assert "starts now" in answer.text, answer.text
    await until(lambda: agent.requests)
    assert agent.requests[0].approvals == (approval,)
    over = await site.browser.get(f"/jobs/{id}/passkey")
    assert over.status_code == 409
    assert "Approve with a passkey" not in (await site.page(f"/jobs/{id}")).text


async def test_who_asked_has_no_button(site: Site) -> None:
    """Nobody approves what they asked for."""
    await counting(site, Authenticator("ann", "localhost").public)
    id = await asked(site)
    await site.sign_in(ANN)
    assert "Approve with a passkey" not in (await site.page(f"/jobs/{id}")).text
