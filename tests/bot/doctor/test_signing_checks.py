"""What `baton doctor` says of keys, and of who insists on signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baton.agent.settings import AgentSettings
from baton.bus.facts import ApproveFacts, Facts, SigningFacts
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.public_key import PublicKey
from bot.doctor.check_result import Mark
from bot.doctor.signing_checks import of_agent, of_agents, of_passkeys, own_keys
from bot.settings import SigningTable

OLD, NEW = PrivateKey.new("old"), PrivateKey.new("new")


def server(name: str, mode: str | None, *keys: PrivateKey, **more: Any) -> Facts:
    signing = None
    if mode is not None:
        prints = tuple(key.public.fingerprint for key in keys)
        signing = SigningFacts(mode=mode, keys=prints, **more)
    return Facts(host=name, environment="prod", signing=signing)


def said(keys: list[PublicKey], *servers: Facts, table: SigningTable | None = None) -> list[str]:
    found = of_agents(table or SigningTable(), keys, servers)
    return [f"{one.mark.value} {one.text}" for one in found]


def test_a_key_that_cannot_be_used_fails(tmp_path: Path) -> None:
    """The bot would not start with it."""
    OLD.save(tmp_path / "key")
    found, keys = own_keys([tmp_path / "key", None, tmp_path / "none"], {})
    assert [one.mark for one in found] == [Mark.OK, Mark.FAIL]
    assert [key.raw for key in keys] == [OLD.public.raw]
    assert OLD.public.fingerprint in found[0].text


def test_an_agent_says_what_it_takes() -> None:
    def texts(**signing: Any) -> list[str]:
        settings = AgentSettings.model_validate({"signing": signing})
        return [one.text for one in of_agent(settings, {})]

    keys = [OLD.public.line]
    assert texts() == []
    assert texts(mode="require", keys=keys) == ["only orders signed by old are taken"]
    assert texts(mode="warn", keys=keys) == [
        "all orders are taken; those not signed by old are logged"
    ]


def test_nothing_is_said_where_nobody_looks_at_signatures() -> None:
    assert said([], server("web-1", None), server("web-2", "off")) == []


def test_who_does_not_insist_yet_is_counted() -> None:
    """An agent that is too old to say so does not insist."""
    lax = [server("web-2", "warn", OLD), server("web-3", None), server("web-4", "off")]
    assert said([OLD.public], server("web-1", "require", OLD), *lax) == [
        "note 3 of 4 do not insist on signatures yet: web-2, web-3, web-4"
    ]
    assert said([OLD.public], server("web-1", "require", OLD)) == [
        "ok all of 1 insist on signatures"
    ]


def test_a_key_that_agents_do_not_know_is_named() -> None:
    """If it is the only one they would refuse everything; during a rotation it is a warning."""
    old, both = server("web-1", "require", OLD), server("web-2", "require", OLD, NEW)
    (failed, _) = said([NEW.public], old, both)
    new = NEW.public.fingerprint
    assert failed == f"FAIL 1 of 2 does not know the key {new} yet: web-1"
    (warned, _) = said([OLD.public, NEW.public], old, both)
    assert warned == f"warn 1 of 2 does not know the key {new} yet: web-1"
    assert said([], old)[0] == "FAIL web-1 look at signatures, and this bot signs nothing"


def test_doubts_of_agents_are_told() -> None:
    """Somebody else sends orders, or a bot without the key."""
    doubting = server("web-1", "require", OLD, doubted=2, last="baton.cancel: it is not signed")
    assert said([OLD.public], doubting)[-1] == (
        "warn web-1 did not believe 2: baton.cancel: it is not signed"
    )
    table = SigningTable.model_validate({"agents": {"web-9": OLD.public.line}})
    assert said([OLD.public], server("web-1", "require", OLD), table=table)[-1] == (
        "note [signing.agents] has keys of servers that did not respond: web-9"
    )


def test_a_console_whose_passkeys_do_not_count_is_named() -> None:
    """Its address has another port, or another name, than servers look for."""
    page = "https://baton.example.com"
    rule = ApproveFacts(need=1, of={"SHA256:x": "bea"}, origins=(page,))
    counting = Facts(host="web-1", environment="prod", approve=(rule, rule))
    other = ApproveFacts(need=1, of={"SHA256:y": "cem"})
    agents = [counting, Facts(host="web-2", environment="prod", approve=(other,))]
    assert of_passkeys(page, agents) == []
    (found,) = of_passkeys(f"{page}:8443", agents)
    assert found.text == (
        f"passkeys of this console ({page}:8443) do not count on web-1: {page} do"
    )
