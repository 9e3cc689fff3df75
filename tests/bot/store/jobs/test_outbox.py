"""The outbox: what was sent, what could not be, and what was cancelled meanwhile."""

from __future__ import annotations

import pytest

from baton.bus.exchanges import INPUT, host_key
from baton.bus.messages import Cancel, State
from bot.jobs import Cancelled
from bot.run_changes import GRACE
from bot.store import Store
from bot.store.jobs.outbox import CANCELLED_UNSENT, NO_AGENT, NOT_STOPPED
from tests.bot.store.build import (
    BEN,
    T0,
    asked,
    deploy,
    job_of,
    later,
    ping,
    pong,
    run_of,
    states,
    taken_up,
    update,
)

LATE = "not sent: RabbitMQ was unreachable for 20 s"


def nobody(*ids: str) -> dict[str, str]:
    """Why no queue takes these messages."""
    return dict.fromkeys(ids, NO_AGENT)


async def test_the_outbox_gives_the_oldest_first(store: Store) -> None:
    """Messages leave in the order in which they were asked."""
    jobs = [await asked(store, deploy("web-1"), sent=False) for _ in range(4)]

    rows = await store.ledger.outbox(3)

    assert [row.job for row in rows] == [new.job.id for new in jobs[:3]]


async def test_each_host_gets_what_became_of_its_own_message(store: Store) -> None:
    """Sent, unroutable and expired: the runs say so, the messages are gone, and a job that is over
    by that is closed."""
    new = await asked(store, deploy("web-1", "web-2", "web-3"), sent=False)
    dead = await asked(store, deploy("web-9"), sent=False)
    _, two, three = (sending.id for sending in new.outbox)

    changed = await store.ledger.settle(
        taken_up(new.outbox[:1], later(1)),
        nobody(two, dead.outbox[0].id),
        {three: LATE},
        at=later(1),
    )

    assert changed == {new.job.id, dead.job.id}
    assert await states(store, new) == {
        "web-1": State.SENT,
        "web-2": State.UNROUTABLE,
        "web-3": State.EXPIRED,
    }
    lost = await run_of(store, new, "web-2")
    assert (lost.text, lost.finished) == (NO_AGENT, later(1))
    assert (await run_of(store, new, "web-1")).sent == later(1)
    assert await store.ledger.outbox() == []
    assert (await job_of(store, new)).closed is None
    assert (await job_of(store, dead)).closed == later(1)


async def test_settling_twice_changes_nothing(store: Store) -> None:
    """A message that is no longer in the outbox was settled already."""
    new = await asked(store, deploy("web-1"), sent=False)
    names = [new.outbox[0].id]
    await store.ledger.settle(taken_up(new.outbox, later(1)), at=later(1))
    before = await store.ledger.job(new.job.id)

    assert await store.ledger.settle({}, nobody(*names), at=later(2)) == set()
    assert await store.ledger.job(new.job.id) == before


async def test_a_broadcast_stands_for_all_its_runs(store: Store) -> None:
    """One message without a host settles every run that is still queued."""
    sent, lost = [await asked(store, ping("web-1", "web-2"), sent=False) for _ in range(2)]
    await store.ledger.apply_updates([pong(lost, "web-2")], later(0.5))

    await store.ledger.settle(
        taken_up(sent.outbox, later(1)), nobody(lost.outbox[0].id), at=later(1)
    )

    assert await states(store, sent) == {"web-1": State.SENT, "web-2": State.SENT}
    assert await states(store, lost) == {"web-1": State.UNROUTABLE, "web-2": State.SUCCEEDED}
    assert (await job_of(store, lost)).closed == later(1)


async def test_a_broadcast_to_nobody_is_over_when_it_cannot_be_sent(store: Store) -> None:
    """With no server known and nobody listening there is nothing to wait for."""
    new = await asked(store, ping(), sent=False)
    assert (await job_of(store, new)).closed is None

    assert await store.ledger.settle({}, nobody(new.outbox[0].id), at=later(1)) == {new.job.id}

    assert (await job_of(store, new)).closed == later(1)


async def test_who_answers_before_we_know_that_it_was_sent_is_not_set_back(store: Store) -> None:
    """The answer may overtake the broker's confirmation; then the run keeps its state, and its
    latency is never negative."""
    new = await asked(store, deploy("web-1", "web-2"), sent=False)
    await store.ledger.apply_updates([update(new, "web-1", 1, State.RUNNING)], later(1))
    await store.ledger.apply_updates([update(new, "web-2", 1, State.SUCCEEDED)], later(1))

    await store.ledger.settle(taken_up(new.outbox, later(3)), at=later(3))

    assert await states(store, new) == {"web-1": State.RUNNING, "web-2": State.SUCCEEDED}
    assert (await run_of(store, new, "web-1")).sent == later(3)
    assert (await run_of(store, new, "web-2")).report().seconds == 0


async def test_what_was_not_sent_is_cancelled_at_once(store: Store) -> None:
    """Cancelling withdraws the requests; as one may be on its way at that moment, the server is
    told as well."""
    new = await asked(store, deploy("web-1", "web-2"), sent=False)

    done = await store.ledger.cancel(new.job.id, BEN, later(2))

    assert done is not None
    assert done.before is None
    assert {(run.state, run.text) for run in done.runs} == {(State.CANCELLED, CANCELLED_UNSENT)}
    found = await store.ledger.job(new.job.id)
    assert found is not None
    assert (found[0].closed, found[0].cancelled_by) == (later(2), BEN)
    assert found[1] == done.runs
    assert [type(row.message) for row in await store.ledger.outbox()] == [Cancel, Cancel]


async def test_servers_at_work_are_told_to_stop(store: Store) -> None:
    """Each server that has not ended gets a Cancel of its own run; the run stays open until the
    server has spoken."""
    new = await asked(store, deploy("web-1", "web-2"))
    await store.ledger.apply_updates([update(new, "web-1", 1, State.SUCCEEDED)], later(2))

    await store.ledger.cancel(new.job.id, BEN, later(3))

    (row,) = await store.ledger.outbox()
    assert (row.host, row.exchange, row.key, row.mandatory) == (
        "web-2",
        INPUT,
        host_key("web-2"),
        True,
    )
    assert isinstance(row.message, Cancel)
    assert (row.message.request, row.message.requester) == (new.runs[1].request, BEN)
    assert await states(store, new) == {"web-1": State.SUCCEEDED, "web-2": State.SENT}
    await store.ledger.settle(taken_up([row], later(4)), at=later(4))
    await store.ledger.apply_updates([update(new, "web-2", 1, State.CANCELLED)], later(5))
    assert (await job_of(store, new)).closed == later(5)


async def test_cancelling_twice_is_cancelling_once(store: Store) -> None:
    """The second one to cancel changes nothing, and learns who was first; nor does cancelling a
    job that is over, or none."""
    new = await asked(store, deploy("web-1"))
    await store.ledger.cancel(new.job.id, BEN, later(2))
    before = await store.ledger.job(new.job.id)

    again = await store.ledger.cancel(new.job.id, new.job.asked_by, later(3))

    assert before is not None
    assert again == Cancelled(before[1], BEN)
    assert await store.ledger.job(new.job.id) == before
    assert len(await store.ledger.outbox()) == 1
    assert await store.ledger.cancel("nothing", BEN, later(3)) is None
    done = await asked(store, deploy("web-1"))
    await store.ledger.apply_updates([update(done, "web-1", 1, State.FAILED)], later(4))
    await store.ledger.cancel(done.job.id, BEN, later(5))
    assert (await job_of(store, done)).cancelled_by is None


async def test_a_cancel_that_reaches_nobody_is_said_and_ends_nothing(store: Store) -> None:
    """The agent may be at work and only cut off, so its run stays open; but people see it."""
    new = await asked(store, deploy("web-1"))
    await store.ledger.cancel(new.job.id, BEN, later(2))
    (row,) = await store.ledger.outbox()

    assert await store.ledger.settle({}, nobody(row.id), at=later(3)) == {new.job.id}

    run = await run_of(store, new, "web-1")
    assert (run.state, run.text) == (State.SENT, NOT_STOPPED)


@pytest.mark.parametrize("seeing", [True, False])
async def test_what_is_overdue_is_closed_unless_we_are_blind(store: Store, seeing: bool) -> None:
    """Past its time a run is closed as expired or lost, and the ledger knows beforehand when; while
    we cannot hear, nothing is."""
    new = await asked(store, deploy("web-1", "web-2"))
    await store.ledger.apply_updates([update(new, "web-2", 1, State.RUNNING)], later(10))
    first = later(1 + 60 + GRACE)  # it was sent after a second
    assert await store.ledger.next_deadline() == first
    assert await store.ledger.close_overdue(later(60), T0) == set()

    changed = await store.ledger.close_overdue(first, T0 if seeing else None)

    if not seeing:
        assert changed == set()
        assert await store.ledger.next_deadline() == first
        return
    assert changed == {new.job.id}
    assert await states(store, new) == {"web-1": State.EXPIRED, "web-2": State.RUNNING}
    last = later(10 + 900 + GRACE)
    assert await store.ledger.next_deadline() == last
    await store.ledger.close_overdue(last, T0)
    assert await states(store, new) == {"web-1": State.EXPIRED, "web-2": State.LOST}
    assert (await job_of(store, new)).closed == last
    assert await store.ledger.next_deadline() is None


async def test_a_broadcast_to_servers_unknown_waits_for_them(store: Store) -> None:
    """Nobody is expected, so the first answer does not end it; its deadline does, once we have
    been listening for a while."""
    new = await asked(store, ping())
    await store.ledger.apply_updates([pong(new, "web-1")], later(2))
    assert (await job_of(store, new)).closed is None
    end = later(1 + 60 + GRACE)
    assert await store.ledger.next_deadline() == end

    assert await store.ledger.close_overdue(end, later(60 + GRACE)) == set()
    assert await store.ledger.close_overdue(later(300), T0) == {new.job.id}

    assert (await job_of(store, new)).closed == later(300)
