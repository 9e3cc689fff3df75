"""Posts, servers and leases: what the bots remember and share."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat
from bot.servers.inventory import LastHeartbeat
from bot.store import PostRow, Store
from tests.bot.store.build import CHANNEL, T0, asked, deploy, later


def post(key: str, job: str = "j1", **fields: str) -> PostRow:
    return PostRow(key, job, "slack", "C1", T0, **fields)  # type: ignore[arg-type]


async def test_a_post_is_claimed_once(store: Store, other: Store) -> None:
    """Of two who begin one post one may make it; the other sees that it may be there."""
    claims = await asyncio.gather(store.posts.claim(post("k")), other.posts.claim(post("k")))

    assert sorted(claim is None for claim in claims) == [False, True]
    assert await store.posts.of_job("j1") == [post("k")]


async def test_many_posts_are_written_together_each_in_its_order(store: Store) -> None:
    """Claims and notes of many channels share a transaction; of one post the first claim counts,
    and each note follows it. One that cannot be written hurts itself alone."""
    keys = [f"k{number}" for number in range(600)]
    bad = replace(post("bad"), at=cast(Any, "no time"))
    results = await asyncio.gather(
        *(store.posts.claim(post(key)) for key in keys),
        store.posts.claim(bad),
        *(store.posts.claim(post(key)) for key in keys),
        *(store.posts.mark_shown(key, f"ts-{key}", "d", later(5)) for key in keys),
        store.posts.claim(post("k7")),
        return_exceptions=True,
    )

    assert results[:600] == [None] * 600
    assert isinstance(results[600], Exception)
    assert [row.status for row in results[601:1201] if isinstance(row, PostRow)] == [
        "sending"
    ] * 600
    last = results[-1]
    assert isinstance(last, PostRow)
    assert (last.status, last.ref) == ("shown", "ts-k7")
    rows = await store.posts.of_job("j1")
    assert {row.key: row.ref for row in rows} == {key: f"ts-{key}" for key in keys}


async def test_what_became_of_a_post(store: Store) -> None:
    """A post is being sent, waits, or ends as shown, gone or given up."""
    for key in ("shown", "gone", "given_up", "sending", "waiting"):
        assert await store.posts.claim(post(key)) is None
    await store.posts.mark_shown("shown", "17.1", "d1", later(5))
    await store.posts.mark_deleted("gone")
    await store.posts.mark_given_up("given_up")
    await store.posts.mark_waiting("waiting")

    rows = {row.key: row for row in await store.posts.of_job("j1")}

    assert {row.key: row.status for row in rows.values()} == {key: key for key in rows}
    shown = rows["shown"]
    assert (shown.ref, shown.digest, shown.at) == ("17.1", "d1", later(5))
    assert await store.posts.claim(post("shown")) == shown


async def test_what_was_certainly_not_posted_may_be_begun_again(store: Store) -> None:
    """A post that the chat did not take, or that somebody deleted, is claimed anew."""
    for key in ("waiting", "gone"):
        await store.posts.claim(post(key))
    await store.posts.mark_shown("gone", "17.1", "d1", later(5))
    await store.posts.mark_waiting("waiting")
    await store.posts.mark_deleted("gone")

    for key in ("waiting", "gone"):
        assert await store.posts.claim(post(key)) is None
    assert [(row.status, row.ref) for row in await store.posts.of_job("j1")] == [
        ("sending", "")
    ] * 2


async def test_where_a_job_is_shown(store: Store) -> None:
    """In its own post, else in that of the day of its schedule; a post that is only being sent, or
    that somebody deleted, is nowhere."""
    await store.posts.claim(post("j1"))
    await store.posts.claim(post("day", "day"))
    assert await store.posts.shown_for("j1", "day") is None
    await store.posts.mark_shown("day", "1.0", "d", later(5))
    under = await store.posts.shown_for("j1", "day")
    assert under is not None
    assert under.ref == "1.0"
    await store.posts.mark_shown("j1", "2.0", "d", later(5))
    own = await store.posts.shown_for("j1", "day")
    assert own is not None
    assert own.ref == "2.0"
    await store.posts.mark_deleted("j1")
    assert await store.posts.shown_for("j1") is None


async def test_a_thread_leads_to_its_job(store: Store) -> None:
    """A word in the thread of a job's post means that job; of several, those that are not over, or
    if all are the newest."""
    old, new = [await asked(store, deploy("web-1", asked=later(n)), sent=False) for n in range(2)]
    for number, job in enumerate((old.job, new.job)):
        key = f"{job.id}/job"
        await store.posts.claim(post(key, job.id, thread="10.0"))
        await store.posts.mark_shown(key, f"11.{number}", "d", T0)

    def found(ref: str, channel: str = CHANNEL.channel) -> asyncio.Task[list[str]]:
        async def look() -> list[str]:
            return [job.id for job in await store.ledger.in_thread("slack", channel, ref)]

        return asyncio.create_task(look())

    assert await found("11.0") == [old.job.id]
    assert await found("10.0") == [new.job.id, old.job.id]
    assert await found("") == []
    assert await found("10.0", "C2") == []
    for over, left in ((new, old), (old, new)):
        requests = {sending.id: "nobody is there" for sending in over.outbox}
        await store.ledger.settle(unroutable=requests, at=later(5))
        assert await found("10.0") == [left.job.id]


async def test_the_last_heartbeat_of_each_server_counts(store: Store) -> None:
    """Servers are known by their last word, also when several come at once or one comes late."""

    def beat(host: str, version: str, *, leaving: bool = False) -> Heartbeat:
        facts = Facts(host=host, environment="prod", apps=("shop",), version=version)
        return Heartbeat(facts=facts, interval=15.0, leaving=leaving)

    await store.servers.record([beat("b", "1"), beat("a", "1"), beat("a", "2")], later(10))
    await store.servers.record([beat("b", "0")], later(5))
    await store.servers.record([], later(6))

    a, b = await store.servers.all()

    assert a == LastHeartbeat(beat("a", "2").facts, later(10), 15.0, leaving=False)
    assert b.facts.version == "1"
    await store.servers.record([beat("b", "1", leaving=True)], later(11))
    assert [server.leaving for server in await store.servers.all()] == [False, True]


async def test_a_lease_has_one_holder(store: Store, other: Store) -> None:
    """Of many who want it one gets it, and keeps it by taking it again; after its time, or when
    given back, it is free."""
    takers = [(store, other)[n % 2].leases.take("leader", f"bot-{n}", 30, T0) for n in range(10)]
    taken = await asyncio.gather(*takers)
    assert sum(taken) == 1
    holder = f"bot-{taken.index(True)}"

    assert await store.leases.take("leader", holder, 30, later(20))
    assert not await other.leases.take("leader", "else", 30, later(49))
    assert await other.leases.take("leader", "else", 30, later(50))
    await store.leases.release("leader", holder)
    assert not await store.leases.take("leader", holder, 30, later(51))
    await store.leases.release("leader", "else")
    assert await store.leases.take("leader", holder, 30, later(51))


async def test_leases_run_by_the_database_clock(store: Store, other: Store) -> None:
    """Without a time given the lease lasts by a clock that all share."""
    assert await store.leases.take("leader", "a", 60)
    assert not await other.leases.take("leader", "b", 60)
    assert await store.leases.take("other", "a", 0)
    assert await other.leases.take("other", "b", 60)
