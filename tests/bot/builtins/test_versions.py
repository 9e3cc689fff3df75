"""`/versions`: a table of what runs where, for who may look there."""

from __future__ import annotations

import pytest

from baton.bus.facts import ReleaseFacts
from baton.bus.messages import State, now
from bot.dispatch.policy import Policy, Rule
from bot.dispatch.reply import ReplyKind
from bot.store import Store
from tests.bot.build import update
from tests.bot.counter import BEN, SHUT, Counter, table
from tests.bot.world import beat

V2 = ReleaseFacts(release="20260102000000-v2", commit="2222222222", previous="20260101000000-v1")


@pytest.fixture
def counter(store: Store) -> Counter:
    made = Counter(store)
    shown = beat("web-1")
    facts = shown.facts.model_copy(update={"releases": {"shop": V2}, "commands": ("ship",)})
    made.servers.record(shown.model_copy(update={"facts": facts}))
    return made


async def test_what_is_live_and_what_is_wanted(counter: Counter) -> None:
    """From the heartbeats and the ledger; it is in the audit log."""
    job = (await counter.ask("ship shop prod --ref v2")).job
    found = await counter.store.ledger.job(job)
    assert found is not None
    facts = {"release": V2.release, "commit": V2.commit}
    ends = {"web-1": (State.SUCCEEDED, facts), "web-2": (State.FAILED, {})}
    messages = [
        update(1, ends[run.host][0], job=job, request=run.request, host=run.host).model_copy(
            update={"facts": ends[run.host][1], "text": ""}
        )
        for run in found[1]
    ]
    await counter.store.ledger.apply_updates(messages, now())
    summary, rows = table(await counter.ask("versions shop prod", BEN))
    assert summary == ("shop in prod: v2 (22222222) on 1, nothing on 1; not what is wanted: web-2")
    assert rows[0][:2] == ("web-1", "v2 (22222222)")
    assert rows[0][3:] == ("v1", "v2 (22222222)", "")
    assert rows[1][:2] == ("web-2", "nothing")
    assert (await counter.audit()).verdict == "answered"


async def test_wrong_words_are_told(counter: Counter) -> None:
    """An unknown environment, and an app that no server has."""
    reply = await counter.ask("versions shop prot")
    assert reply.kind is ReplyKind.UNUSABLE
    assert reply.text.startswith("Unknown environment “prot”. Did you mean prod?")
    reply = await counter.ask("versions shp prod")
    assert reply.text.startswith("No server in prod has the app “shp”. Did you mean shop?")


async def test_a_protected_environment_needs_a_rule(store: Store) -> None:
    """As for whatever looks there."""
    counter = Counter(store, SHUT)
    reply = await counter.ask("versions shop prod", BEN)
    assert reply.kind is ReplyKind.REFUSED
    assert 'commands = ["versions"]' in reply.text
    allowed = Policy([Rule(who=("U_BEN",), commands=("versions",))], SHUT.environments)
    assert (await Counter(store, allowed).ask("versions shop prod", BEN)).answer is not None
