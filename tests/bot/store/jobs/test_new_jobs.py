"""Asks: written together or not at all, and each key once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from baton.bus.messages import State, new_id
from bot.jobs import AuditEntry, NewJob
from bot.locks import Lock, Scope
from bot.store import Store
from bot.store.jobs.audit_entries import AuditFilter
from bot.store.jobs.new_jobs import Overtaken, overtaken
from tests.bot.store.build import (
    BEN,
    CHANNEL,
    T0,
    asked,
    deploy,
    entry,
    job_of,
    later,
    ping,
    states,
    taken_up,
    update,
)


async def test_what_was_asked_is_read_back_as_it_was(store: Store) -> None:
    """A job, its runs and its messages come out of the database as they went in."""
    new = deploy("web-1", "web-2", title="deploy shop prod --ref v2 ‘x’", app=None)

    result = await store.ledger.start_job(new, entry(new))

    assert result == new.job
    assert await store.ledger.job(new.job.id) == (new.job, new.runs)
    assert await store.ledger.outbox() == list(new.outbox)
    assert await store.audit.recent() == [entry(new)]


async def test_the_same_key_is_the_same_ask(store: Store, other: Store) -> None:
    """A second delivery of an ask begins nothing, whichever bot hears it: same job, nothing new."""
    first, second, third = (deploy("web-1", key="slack/123") for _ in range(3))

    results = await asyncio.gather(
        store.ledger.start_job(first, entry(first)),
        store.ledger.start_job(second, entry(second)),
        other.ledger.start_job(third, entry(third)),
    )

    assert len({job.id for job in results}) == 1
    assert len(await store.ledger.outbox()) == 1
    assert len(await store.audit.recent()) == 1
    assert len(await store.ledger.recent()) == 1


async def test_asks_that_wait_share_a_transaction_and_keep_apart(store: Store) -> None:
    """Of many asks at once each gets its own job."""
    asks = [deploy(f"web-{number}") for number in range(120)]

    jobs = await asyncio.gather(*(store.ledger.start_job(new, entry(new)) for new in asks))

    assert [job.id for job in jobs] == [new.job.id for new in asks]
    assert {sending.job for sending in await store.ledger.outbox(500)} == {job.id for job in jobs}


async def test_an_ask_that_cannot_be_written_harms_no_other(store: Store) -> None:
    """In a shared transaction, the fault of one ask is raised to its asker alone; of that ask
    nothing is written."""
    good = [deploy("web-1") for _ in range(5)]
    bad = deploy("web-1")
    bad = NewJob(bad.job, (*bad.runs, *bad.runs), bad.outbox)

    results = await asyncio.gather(
        *(store.ledger.start_job(new, entry(new)) for new in [*good[:2], bad, *good[2:]]),
        return_exceptions=True,
    )

    assert [isinstance(result, Exception) for result in results] == [False] * 2 + [True] + [
        False
    ] * 3
    assert await store.ledger.job(bad.job.id) is None
    assert {sending.job for sending in await store.ledger.outbox()} == {new.job.id for new in good}


async def test_a_job_for_nobody_is_over_at_once(store: Store) -> None:
    """A job without runs and without a message has nothing to wait for."""
    new = await asked(store, deploy())

    assert (await job_of(store, new)).closed == T0


async def test_what_no_database_can_hold_is_still_kept(store: Store) -> None:
    """A NUL or half a surrogate pair in what people or programs write is no reason to fail."""
    new = await asked(store, deploy("web-1", title="deploy \0 \ud800 ☃"))

    assert (await job_of(store, new)).title == "deploy � ? ☃"


async def test_jobs_are_found_as_people_name_them(store: Store) -> None:
    """Four characters of an id do if they are unique, in any case and with a # before them."""
    one = await asked(store, deploy("web-1", id="7k2mabcd"))
    await asked(store, deploy("web-1", id="7k2nabcd"))

    assert await store.ledger.find("7k2m") == await store.ledger.job(one.job.id)
    assert await store.ledger.find(" #7K2MA ") is not None
    for nothing in ("7k2", "7k2x", "7k2%", "", "7k2mabcde"):
        assert await store.ledger.find(nothing) is None
    await asked(store, deploy("web-1", id="7k2mzzzz"))
    assert await store.ledger.find("7k2m") is None


async def test_the_last_jobs_come_first(store: Store) -> None:
    """`recent` gives the newest jobs, of one environment where one is named: there alone, or among
    others."""
    for number in range(5):
        environment = "prod" if number % 2 else "test"
        new = deploy("web-1", id=f"job-{number}", asked=later(number), environment=environment)
        await asked(store, new)

    both = ping("web-1", id="both", asked=later(9), environment="lab, prod")
    await asked(store, both)

    assert [job.id for job in await store.ledger.recent(2)] == ["both", "job-4"]
    assert [job.id for job in await store.ledger.recent(9, "prod")] == ["both", "job-3", "job-1"]


async def test_the_audit_is_searched_by_who_and_where(store: Store) -> None:
    """Entries of a person or an environment, newest first; refusals too."""
    new = await asked(store, deploy("web-1"))
    refusal = AuditEntry(later(5), BEN, CHANNEL, "ping lab", "refused", "no rule", "", "lab")
    await store.audit.add(refusal)

    async def found(person: str = "", environment: str = "") -> list[AuditEntry]:
        wanted = AuditFilter(person, environment)
        return [one for _, one in await store.audit.page(wanted, 20)]

    assert await store.audit.recent() == [refusal, entry(new)]
    assert await store.audit.recent(1) == [refusal]
    assert await found(person=BEN.id) == [refusal]
    assert await found(environment="lab") == [refusal]
    wide = replace(refusal, environment="lab, prod")
    await store.audit.add(wide)
    assert await found(environment="lab") == [wide, refusal]
    assert await found(environment="la") == []
    assert await found(person=BEN.id, environment="prod") == [wide]


async def test_old_jobs_are_cleared_away_and_the_audit_stays(store: Store) -> None:
    """What was closed before the given time goes with all that belongs to it; the open and the
    newer stay."""
    old, new, still = [await asked(store, deploy("web-1")) for _ in range(3)]
    await store.ledger.cancel(old.job.id, BEN, later(2))
    for one, at in ((old, 10), (new, 100)):
        await store.ledger.settle(taken_up(await store.ledger.outbox(), later(at)), at=later(at))
        message = update(one, "web-1", 1, State.SUCCEEDED, text="done")
        await store.ledger.apply_updates([message], later(at))

    assert await store.prune(later(50)) == 1

    assert await store.ledger.job(old.job.id) is None
    assert await store.ledger.output(old.job.id) == []
    assert await states(store, new) == {"web-1": State.SUCCEEDED}
    assert await states(store, still) == {"web-1": State.SENT}
    assert len(await store.audit.recent()) == 3
    assert await store.prune(later(50)) == 0


async def test_what_an_ask_began_is_found_by_its_key(store: Store) -> None:
    """Only what was allowed began something; the first that did, and nothing under another key."""
    new = await asked(store, deploy("web-1"))
    refused = replace(entry(new), verdict="refused", key="slack:C1/1.0")
    begun = replace(entry(new), key="slack:C1/2.0")
    for each in (refused, begun, replace(begun, words="later")):
        await store.audit.add(each)

    assert await store.audit.first_of("slack:C1/1.0") is None
    assert await store.audit.first_of("slack:C1/2.0") == begun
    assert await store.audit.first_of("slack:C1/3.0") is None


def lock(environment: str, app: str | None = None) -> Lock:
    """One that ben takes."""
    key, end = new_id(), later(3600)
    return Lock(key, key, Scope(environment, app), BEN, CHANNEL, "migration", T0, end, 3600.0)


async def test_a_job_before_which_somebody_took_a_lock_is_not_written(
    store: Store, other: Store
) -> None:
    """Nothing of it is, and those that share its transaction are. The same request again, whose job
    there is, gets that job."""
    late = replace(deploy("web-1"), fences={"prod": 0})
    early = replace(deploy("web-2"), fences={"staging": 0})
    looks = ping("web-3")
    await other.locks.ask(lock("prod"))
    starts = (store.ledger.start_job(each, entry(each)) for each in (late, early, looks))
    found = await asyncio.gather(*starts, return_exceptions=True)
    assert isinstance(found[0], Overtaken)
    assert found[1:] == [early.job, looks.job]
    assert await store.ledger.job(late.job.id) is None
    assert len(await store.audit.recent()) == 2
    now = replace(late, fences={"prod": 1})
    assert await store.ledger.start_job(now, entry(now)) == now.job
    await other.locks.ask(lock("prod", "blog"))
    assert await store.ledger.start_job(late, entry(late)) == now.job


@pytest.mark.parametrize("before", [False, True])
async def test_nobody_takes_a_lock_while_a_job_is_written(
    postgres_database: str, before: bool
) -> None:
    """Of the ledger's look at the number and of a lock one comes first, for certain: also if no
    lock was ever taken there."""
    store, other = await Store.open(postgres_database), await Store.open(postgres_database)
    if before:
        taken = (await store.locks.ask(lock("prod"))).lock
        await store.locks.release(taken.scope, taken.owner, CHANNEL.directory)
    looked, written, order = asyncio.Event(), asyncio.Event(), []
    new = replace(deploy("web-1"), fences={"prod": int(before)})

    def work(connection: Connection) -> None:
        assert overtaken(connection, [new]) == set()
        looked.set()
        await_only(written.wait())
        order.append("written")

    async def take() -> None:
        await other.locks.ask(lock("prod"))
        order.append("locked")

    async def somebody_waits() -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        found = await store._database.read(lambda connection: connection.execute(waiting).scalar())
        return bool(found)

    writing = asyncio.create_task(store._database.write(work))
    await looked.wait()
    taking = asyncio.create_task(take())
    while not await somebody_waits():
        assert not taking.done()
    written.set()
    await asyncio.gather(writing, taking)
    assert order == ["written", "locked"]
    await asyncio.gather(store.close(), other.close())
