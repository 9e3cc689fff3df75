"""What rules of [[gate]] come to, and which asks they hold."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from bot.dispatch.gates.holding import rules_of
from bot.dispatch.gates.tables import GateRules, GateTable
from bot.holds import Approvals
from bot.store import Store
from tests.bot.build import ANN, after
from tests.bot.counter import BEN, Counter
from tests.bot.scheduler.office import Office

HOUR = GateTable(environments=("prod",), approvals=1, of=("leads",), expires=3_600)
MINUTES = GateTable(environments=("prod",), confirm=True, expires=300)
DAY = GateTable(apps=("blog",), approvals=3, expires=86_400)


def test_every_rule_that_matches_counts_and_the_shortest_time_holds() -> None:
    """Of several for the same people the largest number counts; a rule about something else adds
    nothing, not its time either."""
    more = GateTable(approvals=2, of=("leads",), expires=7_200)
    rules, others = GateRules([HOUR, more, MINUTES, DAY]), GateRules([HOUR, DAY])
    for _ in range(2):  # the second time they are remembered
        found = rules_of(rules.about("ship", ["prod"], "shop"))
        assert found == (True, (Approvals(need=2, of=("leads",)),), 300.0)
        assert rules_of(others.about("ship", ["staging"], "shop")) == (False, (), 0.0)
        assert rules_of(others.about("ship", ["staging"], "blog"))[2] == 86_400


@pytest.mark.parametrize(
    ("command", "where", "app", "matches"),
    [
        ("ship", ("prod",), "shop", True),
        ("ship", ("staging", "prod-eu"), "shop", True),
        ("ship", ("prod",), None, True),
        ("ship", ("prod",), "blog", False),
        ("ship", ("staging",), "shop", False),
        ("restart", ("prod",), "shop", False),
    ],
)
def test_what_a_rule_is_about(
    command: str, where: tuple[str, ...], app: str | None, matches: bool
) -> None:
    """Names and shell patterns; one of several environments is enough, and what is for whole
    servers is about every app on them."""
    rule = GateTable(
        commands=("ship",), environments=("prod*",), apps=("shop",), approvals=1, expires=60
    )
    assert rule.matches(command, where, app) is matches


async def test_the_shortest_time_ends_what_waits(store: Store) -> None:
    """It is written with the job: its post says when, and it ends then."""
    counter = Counter(store, gates=(HOUR, MINUTES))
    job = (await counter.ask("ship shop prod")).job
    found = await store.ledger.job(job)
    assert found is not None
    hold = found[0].hold
    assert hold is not None
    assert (hold.until - hold.since).total_seconds() == 300
    assert (hold.confirm, len(hold.approvals)) == (True, 1)
    await store.ledger.close_overdue(hold.until, None)
    found = await store.ledger.job(job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.EXPIRED}


async def test_what_only_looks_is_not_held(store: Store) -> None:
    """A rule for everything is about what changes servers."""
    counter = Counter(store, gates=(GateTable(approvals=1),))
    job = (await counter.ask("hail prod")).job
    found = await store.ledger.job(job)
    assert found is not None
    assert found[0].hold is None


async def test_a_retry_is_held_too(store: Store) -> None:
    """The job that is run again had started; the new one waits, and its asker does not approve
    it."""
    counter = Counter(store, gates=(HOUR,))
    first = (await counter.ask("ship shop prod")).job
    await store.ledger.close_overdue(after(10**9), None)
    again = await counter.ask(f"retry {first}", BEN)
    assert again.job != first, again.text
    found = await store.ledger.job(again.job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.HELD}
    assert await store.ledger.outbox() == []
    own = await counter.ask(f"approve {again.job}", BEN)
    assert "you asked for it" in own.text


async def test_what_a_schedule_starts_is_held(store: Store) -> None:
    """Its owner is its asker: others approve it. Nothing is sent meanwhile, and the schedule has
    that time as one that runs."""
    office = Office(store, gates=(GateTable(approvals=1),))
    schedule = await office.scheduled("ship shop prod at 9:30")
    await office.passes(2_400, every=60, answers=False, sends=False)
    (firing,) = await office.history(schedule)
    found = await store.ledger.job(firing.job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.HELD}
    assert await store.ledger.outbox() == []
    own = await office.ask(f"approve {firing.job}", ANN)
    assert "you asked for it" in own.text
    assert (await office.ask(f"approve {firing.job}", BEN)).ok
