"""A plan says what a request would reach, and does nothing."""

from __future__ import annotations

import pytest

from baton.bus.messages import Person
from bot.dispatch.plan import Plan
from bot.dispatch.plan_maker import PLAN_LIMITS
from bot.dispatch.rate_limiter import BURST_OVER_AFTER
from bot.dispatch.reply import Reply, ReplyKind
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, GUARDED, GUEST, ONLY_ANN, Counter, broken
from tests.bot.world import no_groups


async def plan(counter: Counter, text: str, asker: Person = ANN) -> Plan | Reply:
    return await counter.dispatcher.plan(text, asker=asker, groups=no_groups, place=OPS)


async def planned(counter: Counter, text: str, asker: Person = ANN) -> Plan:
    found = await plan(counter, text, asker)
    assert isinstance(found, Plan), found
    return found


async def test_it_names_the_servers_and_the_command(store: Store) -> None:
    """What would be started, by whatever words: with the slash command that it equals."""
    counter = Counter(store)
    found = await planned(counter, "ship  ref=v2 shop prod.")
    assert found.text == "/ship shop prod --ref v2"
    assert (found.title, found.environment, found.app) == (
        "ship shop prod --ref v2",
        "prod",
        "shop",
    )
    assert found.hosts == ("web-1", "web-2")
    assert (found.allowed, found.refusal) == (True, None)


async def test_it_does_nothing(store: Store) -> None:
    """No job, no audit entry, nobody is woken; and so it is of what would be refused."""
    counter = Counter(store, ONLY_ANN)
    await planned(counter, "ship shop prod")
    await planned(counter, "ship shop prod", BEN)
    await plan(counter, "ship nothing")
    assert await store.ledger.recent() == []
    assert await store.audit.recent() == []
    assert counter.woken == []


async def test_what_would_be_refused_says_why(store: Store) -> None:
    """In the words of the policy, and with the servers that the person may look at."""
    counter = Counter(store, ONLY_ANN)
    found = await planned(counter, "ship shop prod", BEN)
    assert found.allowed is False
    assert found.refusal is not None
    assert "Required rule" in found.refusal.text
    assert found.hosts == ("web-1", "web-2")


async def test_a_refusal_names_no_server_that_is_hidden(store: Store) -> None:
    """Of a protected environment whoever may not look learns nothing."""
    counter = Counter(store, GUARDED)
    found = await planned(counter, "ship shop prod", BEN)
    assert (found.allowed, found.hosts) == (False, ())


async def test_what_the_bot_answers_itself_reaches_no_server(store: Store) -> None:
    """Whether it is allowed is decided when it is asked."""
    found = await planned(Counter(store), "cancel abcd")
    assert (found.text, found.hosts, found.allowed) == ("/cancel abcd", (), None)


async def test_words_that_are_taken_as_they_come_stay(store: Store) -> None:
    """With their quotes: matchers need them."""
    typed = 'alerts silence host=~"web-.*" for 2h because the disk is being replaced'
    assert (await planned(Counter(store), typed)).text == f"/{typed}"


@pytest.mark.parametrize(
    ("text", "field"),
    [("shp shop", "command"), ("ship shop nowhere", "environment"), ("ship shop", "environment")],
)
async def test_what_cannot_be_followed_names_the_field(store: Store, text: str, field: str) -> None:
    """As the reply to the request itself would."""
    found = await plan(Counter(store), text)
    assert isinstance(found, Reply)
    assert (found.kind, found.field) == (ReplyKind.UNUSABLE, field)


async def test_a_stranger_learns_nothing(store: Store) -> None:
    found = await plan(Counter(store), "ship shop prod", GUEST)
    assert isinstance(found, Reply)
    assert found.kind is ReplyKind.REFUSED


async def test_plans_have_a_limit_of_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that asks without end is held back; others are not."""
    counter = Counter(store)
    limiter = counter.dispatcher._plan_limiter
    at = limiter._clock()
    monkeypatch.setattr(limiter, "_clock", lambda: at)
    for _ in range(PLAN_LIMITS.burst):
        await planned(counter, "ship shop prod")
    held = await plan(counter, "ship shop prod")
    assert isinstance(held, Reply)
    assert held.kind is ReplyKind.LIMITED
    assert held.seconds > 0
    await planned(counter, "ship shop prod", BEN)


async def test_who_was_held_back_is_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those who asked for too many plans nothing stays."""
    counter = Counter(store)
    limiter = counter.dispatcher._plan_limiter
    at = limiter._clock()
    monkeypatch.setattr(limiter, "_clock", lambda: at)
    for _ in range(PLAN_LIMITS.burst):
        await planned(counter, "ship shop prod")
    assert isinstance(await plan(counter, "ship shop prod"), Reply)
    later = at + BURST_OVER_AFTER
    monkeypatch.setattr(limiter, "_clock", lambda: later)
    await planned(counter, "ship shop prod", BEN)
    assert limiter._refused == {}


async def test_groups_that_cannot_be_looked_up(store: Store) -> None:
    """The plan says that it is not known now."""
    counter = Counter(store, GUARDED)
    found = await counter.dispatcher.plan("log abcd", asker=BEN, groups=broken, place=OPS)
    assert isinstance(found, Plan)
