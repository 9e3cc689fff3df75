"""`/cancel`: who may, and what becomes of the job."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.messages import State, new_id, now
from bot.builtins.cancel import CancelHandler
from bot.dispatch.context import Invocation
from bot.dispatch.policy import Policy, Rule
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, ONLY_ANN, SHUT, Counter
from tests.bot.world import no_groups


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


async def test_the_asker_and_whoever_might_have_asked_may_cancel(store: Store) -> None:
    """Others are refused, and that is kept with the job."""
    counter = Counter(store, ONLY_ANN)
    job = (await counter.ask("ship shop prod")).job
    reply = await counter.dispatcher.cancel(job, asker=BEN, groups=no_groups, place=OPS)
    assert not reply.ok
    assert 'who = ["U_BEN"], commands = ["ship"]' in reply.text
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.environment) == ("refused", job, "prod")
    reply = await Counter(store, SHUT).dispatcher.cancel(
        job, asker=ANN, groups=no_groups, place=OPS
    )
    assert reply.ok
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.words) == ("allowed", job, f"cancel {job}")
    open_job = (await counter.ask("ship shop staging")).job
    reply = await counter.dispatcher.cancel(open_job, asker=BEN, groups=no_groups, place=OPS)
    assert reply.ok


async def test_a_job_of_which_nothing_was_sent_is_cancelled_at_once(counter: Counter) -> None:
    """Its requests are withdrawn; a second cancel finds it ended."""
    job = (await counter.ask("ship shop prod")).job
    reply = await counter.ask(f"cancel {job}")
    assert reply.text == "ship shop prod is cancelled. No server had started it."
    assert counter.woken == [job, job]
    found = await counter.store.ledger.job(job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.CANCELLED}
    assert (await counter.ask(f"cancel {job}")).text.endswith(
        "has already ended; nothing is running."
    )


async def test_a_job_under_way_is_asked_to_stop_once(counter: Counter) -> None:
    """The id's first letters do, with or without #; who asked first is named to the second."""
    job = (await counter.ask("ship shop prod")).job
    rows = await counter.store.ledger.outbox()
    await counter.store.ledger.settle({row.id: row.accept_by(now()) for row in rows}, at=now())
    assert (await counter.ask(f"cancel #{job[:6].upper()}")).text == (
        "Asked 2 servers to stop ship shop prod."
    )
    assert (await counter.ask(f"cancel {job}", BEN)).text == (
        "ann already asked to stop ship shop prod."
    )
    assert len(await counter.store.ledger.outbox()) == 2


async def test_of_two_who_cancel_at_the_same_moment_one_was_first(counter: Counter) -> None:
    """Both read the job before either cancelled it; the second is told who did."""
    job = (await counter.ask("ship shop prod")).job
    rows = await counter.store.ledger.outbox()
    await counter.store.ledger.settle({row.id: row.accept_by(now()) for row in rows}, at=now())
    found = await counter.store.ledger.job(job)
    assert found is not None
    canceller = counter.handlers["cancel"]
    assert isinstance(canceller, CancelHandler)
    asks = [Invocation(f"cancel {job}", who, OPS, new_id(), now()) for who in (ANN, BEN)]
    replies = await asyncio.gather(*(canceller.stop(found[0], ask) for ask in asks))
    assert sorted(reply.text.partition(" ")[0] for reply in replies) in (
        ["Asked", "ann"],
        ["Asked", "ben"],
    )


async def test_whoever_may_look_may_cancel_what_only_looks(store: Store) -> None:
    """Cancelling is judged as what is cancelled: a ping is free, a change is not."""
    counter = Counter(store, Policy([Rule(who=("U_ANN",))]))
    job = (await counter.ask("hail prod")).job
    assert (await counter.ask(f"cancel {job}", BEN)).ok
    job = (await counter.ask("ship shop prod")).job
    refused = await counter.ask(f"cancel {job}", BEN)
    assert refused.text.startswith(f"Not allowed: /cancel {job[:6]} in prod.")
