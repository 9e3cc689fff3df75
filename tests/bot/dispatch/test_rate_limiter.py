"""How often one person may ask."""

from __future__ import annotations

import pytest

from baton.bus.messages import Person, now
from bot.dispatch.context import Invocation
from bot.dispatch.rate_limiter import LimitsTable, PersonRateLimiter
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, Counter
from tests.bot.world import no_groups


async def test_too_many_requests_are_refused_and_counted(store: Store) -> None:
    """Each person has a burst and a rate; the first refusal is kept, and how many there were."""
    clock = [0.0]
    limits = LimitsTable(requests_per_minute=30, burst=10)
    counter = Counter(store, pace=PersonRateLimiter(limits, lambda: clock[0]))
    for _ in range(10):
        assert (await counter.ask("help")).ok
    replies = [await counter.ask("ship shop prod") for _ in range(25)]
    assert {(reply.ok, reply.job) for reply in replies} == {(False, "")}
    assert replies[0].text == (
        "Too many requests: 30 per minute are allowed for each person. Nothing was done. "
        "Try again in 2 s."
    )
    assert (await counter.ask("help", BEN)).ok
    clock[0] += 2
    assert (await counter.ask("ship shop prod")).ok
    assert not (await counter.dispatcher.cancel("abcd", asker=ANN, groups=no_groups, place=OPS)).ok
    clock[0] += 100
    assert (await counter.ask("help", BEN)).ok
    kept = [one for one in await store.audit.recent(100) if one.verdict == "limited"]
    assert [one.reason.partition(":")[0] for one in kept] == [
        "26 requests were refused",
        "Too many requests",
    ]
    assert {one.words for one in kept} == {"ship shop prod"}
    assert counter.audit_log.counts["limited"] == 27


def test_the_people_whose_pace_is_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked longest ago is forgotten."""
    monkeypatch.setattr("bot.dispatch.rate_limiter.MAX_PEOPLE", 3)
    pace = PersonRateLimiter(LimitsTable(), lambda: 0.0)
    for number in range(10):
        pace.take(_ask(str(number)))
    assert len(pace._people) == 3


def _ask(person: str) -> Invocation:
    return Invocation("help", Person(id=person), OPS, person, now())
