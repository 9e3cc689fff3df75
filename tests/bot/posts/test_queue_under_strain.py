"""The queue with several bots, many jobs, outages, and whatever else happens at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.posts.next_post
import bot.posts.queue
import bot.posts.sender
from baton.bus.messages import State
from bot.content import NoticeContent, Post
from bot.jobs import Job, Place
from bot.posts.queue import PostQueue
from bot.store import Store
from tests.bot.build import job as job_of
from tests.bot.fake_front import SLACK, FakeFront, Fault
from tests.bot.posts.queue_harness import Harness
from tests.bot.posts.queue_harness import harness as harness
from tests.bot.posts.queue_harness import hurry as hurry
from tests.support.wait import until


@pytest.mark.slow
async def test_two_bots_one_of_them_stalled_post_once(store: Store) -> None:
    """A bot whose call hangs while another takes over: the other waits for as long as the first
    one's word may count, and finds its message."""
    first = Harness(store)
    first.front.held = {"post"}
    first.front.gate.clear()
    await first.submit(first.post())
    await until(lambda: first.front.calls == ["post"])
    second = Harness(store, first.front)
    second.job = first.job
    second.queue = PostQueue(first.front, store.posts, lambda job: None, claim=2.0)
    await second.submit(first.post())
    await until(lambda: first.front.calls == ["post", "find"])
    asked = time.monotonic()
    await until(lambda: time.monotonic() > asked + 0.1)
    assert first.front.calls == ["post", "find"]
    first.front.gate.set()
    await second.shown(first.post())
    first.equal_to(first.post())
    assert await until(lambda: not first.queue._workers)
    await second.kill()


async def test_a_claim_that_took_too_long_is_no_claim(store: Store) -> None:
    """A bot that stalls between noting a post and posting it looks first."""
    first = Harness(store, claim=0.02)
    other = Harness(store, first.front)
    other.job = first.job

    async def stall() -> None:
        first.posts.slow = None
        await asyncio.sleep(0.03)
        await other.shown(first.post())

    first.posts.slow = stall
    await first.shown(first.post())
    first.equal_to(first.post())


async def test_many_jobs_share_the_edits_and_what_ends_goes_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Slack's limits and forty jobs at work, the one that ends is shown at once."""
    monkeypatch.setattr(bot.posts.next_post, "EDIT_RESERVE", 0.3)
    clock = [0.0]
    front = FakeFront(limits=replace(SLACK, post_every=0.001, post_burst=100))
    queue = PostQueue(front, store.posts, lambda job: None, monotonic=lambda: clock[0])
    jobs = [job_of(id=f"many{number}", place=Place("slack", f"C{number}")) for number in range(40)]

    def want(job: Job, text: str, closing: bool = False) -> None:
        queue.submit(
            job.subject, [Post(job.id, NoticeContent(text, State.RUNNING), closing=closing)], {}
        )

    for job in jobs:
        want(job, "one")
    await until(lambda: len(front.shown) == 40)
    await until(lambda: not queue._workers)
    clock[0] += 3.0
    for job in jobs:
        want(job, "two")
    await until(lambda: front.calls.count("edit") == 8)
    want(jobs[-1], "ended", closing=True)
    await until(lambda: "ended" in str(front.one(jobs[-1].id).content))
    assert front.calls.count("edit") == 9
    await queue.close()


async def test_posts_in_a_channel_keep_their_order(harness: Harness) -> None:
    """Turned away, then let in: first asked, first shown."""
    harness.front.faults.extend([Fault.THROTTLED, Fault.UNREACHABLE, None, Fault.THROTTLED])
    jobs = [replace(harness.job, id=f"in-order-{number}") for number in range(6)]
    for job in jobs:
        await harness.submit(Post(job.id, NoticeContent("x", State.RUNNING)), job=job)
    await until(lambda: len(harness.front.shown) == 6)
    assert [message.key for message in harness.front.shown] == [job.id for job in jobs]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNREACHABLE])
async def test_what_is_wanted_while_others_are_held_is_held_too(
    harness: Harness, fault: Fault
) -> None:
    """A pause that the chat demands is kept by what comes later, which is not shown before what
    was asked first."""
    bot.posts.sender.BACKOFF = bot.posts.sender.MAX_BACKOFF = 0.05
    harness.front.faults.append(fault)
    first, second = (replace(harness.job, id=f"held-{number}") for number in range(2))
    await harness.submit(Post(first.id, NoticeContent("x", State.RUNNING)), job=first)
    await until(lambda: harness.queue._pending.of_subject[first.id][first.id].failures)
    await harness.submit(Post(second.id, NoticeContent("x", State.RUNNING)), job=second)
    await until(lambda: len(harness.front.shown) == 2)
    assert [message.key for message in harness.front.shown] == [first.id, second.id]
    assert harness.front.calls == ["post"] * 3


async def test_an_outage_costs_few_calls(store: Store) -> None:
    """A chat that cannot be reached is asked for one post, not for all that wait."""
    harness = Harness(store)
    bot.posts.sender.BACKOFF = bot.posts.sender.MAX_BACKOFF = 0.05
    harness.front.faults.extend([Fault.UNREACHABLE] * 2)
    for number in range(20):
        job = replace(harness.job, id=f"outage-{number}")
        await harness.submit(Post(job.id, NoticeContent("x", State.RUNNING)), job=job)
    await until(lambda: len(harness.front.shown) == 20)
    assert len(harness.front.calls) == 22


async def test_what_is_told_is_forgotten(harness: Harness) -> None:
    """Memory does not grow with the jobs that are over."""
    await harness.shown(harness.post(), harness.post("web-1"))
    harness.queue.discard(harness.job.id)
    await until(lambda: not harness.queue._workers)
    left = (
        harness.queue._pending.waiting,
        harness.queue._pending.of_subject,
        harness.queue._pending.refs,
        harness.queue._some,
    )
    assert left == ({}, {}, {}, {})


async def test_a_stop_lets_the_call_under_way_be_answered(harness: Harness) -> None:
    """An orderly stop leaves no post of which nobody knows."""
    harness.front.gate.clear()
    await harness.submit(harness.post())
    await until(lambda: harness.front.calls == ["post"])
    closing = asyncio.create_task(harness.queue.close())
    await asyncio.sleep(0)
    harness.front.gate.set()
    await closing
    (row,) = await harness.store.posts.of_job(harness.job.id)
    assert row.status == "shown"


step = st.one_of(
    st.tuples(st.just("want"), st.integers(1, 4)),
    st.tuples(st.just("fault"), st.sampled_from([f for f in Fault if f is not Fault.UNPOSTABLE])),
    st.tuples(st.just("away"), st.sampled_from(["before", "after"])),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(0, 8)),
    st.tuples(st.just("restart"), st.booleans()),
)


@pytest.fixture
def opened(database: str) -> Iterator[Store]:
    with asyncio.Runner() as runner:
        made = runner.run(Store.open(database))
        yield made
        runner.run(made.close())


@pytest.mark.slow
def test_whatever_happens_each_post_ends_there_once_as_wanted(opened: Store, hurry: None) -> None:
    """Any sequence of changes, faults, crashes, restarts, deletions and database outages."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(step, max_size=25))
    def check(steps: list[tuple[str, Any]]) -> None:
        asyncio.run(scenario(opened, steps))

    check()


async def scenario(store: Store, steps: list[tuple[str, Any]]) -> None:
    harness = Harness(store, claim=0.02)
    posts: list[Post] = []
    for number, (what, value) in enumerate(steps):
        if any(worker.done() for worker in harness.queue._workers.values()):
            what, value = "restart", True
        if what == "want":
            names = ["", *(f"web-{index}" for index in range(value))]
            fresh = [harness.post(name, f"{number}") for name in names]
            posts = fresh + posts[len(fresh) :]
            await harness.submit(*posts)
        elif what == "fault":
            harness.front.faults.append(value)
        elif what == "away":
            harness.posts.away.append(value)
        elif what == "delete" and value < len(posts):
            harness.front.delete(posts[value].key)
        elif what == "wait":
            await asyncio.sleep(value / 2000)
        elif what == "restart":
            await (harness.kill() if value else harness.queue.close())
            harness.start()
            await harness.submit(*posts)
    await harness.kill()
    harness.front.faults.clear()
    harness.posts.away.clear()
    harness.start()
    final = [replace(post, content=NoticeContent("the end", State.FAILED)) for post in posts]
    await harness.shown(*final)
    assert len(harness.front.calls) <= 12 * (len(steps) + 3)
    # a deleted message that nothing was to be said under stays deleted only if nobody edited it
    harness.equal_to(*final)
    await harness.kill()
