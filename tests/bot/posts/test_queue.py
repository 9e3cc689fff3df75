from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.posts.next_post
import bot.posts.queue
import bot.posts.sender
from baton.bus.messages import State, now
from bot.content import FileContent, JobContent, NoticeContent, Post, Row
from bot.fronts.protocol import Limits
from bot.jobs import Job, Place, Subject
from bot.posts.queue import PostQueue
from bot.store import PostRow, Store
from bot.store.errors import DatabaseUnavailable
from bot.store.post_store import PostStore
from tests.bot.build import job as job_of
from tests.bot.fake_front import QUICK, SLACK, FakeFront, Fault
from tests.support.wait import until

numbers = itertools.count(1)
METHODS = ("claim", "mark_shown", "mark_waiting", "mark_deleted", "mark_given_up")


class FlakyPosts:
    """The posts of a store; while `away` is not empty each call takes one: does it fail before it
    is done, or after?"""

    def __init__(self, posts: PostStore) -> None:
        self._posts = posts
        self.away: list[str] = []
        self.slow: Callable[[], Any] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._posts, name)
        if name not in METHODS:
            return method

        async def call(*args: Any) -> Any:
            when = self.away.pop(0) if self.away else ""
            if when == "before":
                raise DatabaseUnavailable(url="db", reason="it is away")
            found = await method(*args)
            if self.slow is not None:
                await self.slow()
            if when == "after":
                raise DatabaseUnavailable(url="db", reason="it went away")
            return found

        return call


class Harness:
    """A chat, a database and the queue between them, which can be killed and started again."""

    def __init__(self, store: Store, front: FakeFront | None = None, claim: float = 0.3) -> None:
        self.front = front or FakeFront()
        self.store = store
        self.posts = FlakyPosts(store.posts)
        self.claim = claim
        self.job = job_of(id=f"job{next(numbers)}", asked=now())
        self.settled: list[str] = []
        self.queue = self.start()

    def start(self) -> PostQueue:
        posts: Any = self.posts

        async def whole(file: FileContent) -> str:
            return f"all of {file.job}"

        self.queue = PostQueue(
            self.front,
            posts,
            self.settled.append,
            file_text=whole,
            claim=self.claim,
            settle_time=0.005,
        )
        return self.queue

    async def kill(self) -> None:
        """End the queue where it stands."""
        workers = list(self.queue._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def submit(self, *posts: Post, job: Job | None = None) -> bool:
        job = job or self.job
        rows: dict[str, PostRow] = {}
        if not self.queue.knows(job.id):
            rows = {row.key: row for row in await self.store.posts.of_job(job.id)}
        return self.queue.submit(job.subject, posts, rows)

    async def shown(self, *posts: Post, job: Job | None = None) -> None:
        """Return once `posts` are shown."""

        async def all_shown() -> bool:
            return await self.submit(*posts, job=job)

        await until(all_shown, every=0.002)

    def post(self, name: str = "", text: str = "now", *, closing: bool = False) -> Post:
        """The job's own post, or one called `name` in its thread."""
        key, parent = self.job.id, ""
        if name:
            key, parent = f"{key}/{name}", key
        return Post(key, NoticeContent(text, State.RUNNING), parent=parent, closing=closing)

    def equal_to(self, *posts: Post) -> None:
        """Each of `posts` is there once, as it is wanted, and in its thread."""
        assert sorted(message.key for message in self.front.shown) == sorted(
            post.key for post in posts
        )
        for post in posts:
            message = self.front.one(post.key)
            assert message.content == post.content
            if post.parent:
                above = self.front.messages[message.thread]
                assert above.key == post.parent


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.posts.sender, "BACKOFF", 0.001)
    monkeypatch.setattr(bot.posts.sender, "MAX_BACKOFF", 0.004)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.2)
    monkeypatch.setattr(bot.posts.next_post, "EDIT_RESERVE", 0.001)


@pytest.fixture
async def harness(store: Store) -> AsyncIterator[Harness]:
    made = Harness(store)
    yield made
    await made.kill()


async def test_a_post_appears_once_and_then_is_edited(harness: Harness) -> None:
    """One message for a post, whatever it shows in the course of time."""
    await harness.shown(harness.post(text="one"), harness.post("web-1", "begun"))
    await harness.shown(harness.post(text="two"), harness.post("web-1", "done"))
    harness.equal_to(harness.post(text="two"), harness.post("web-1", "done"))
    assert harness.front.calls == ["post", "post", "edit", "edit"]
    assert harness.settled


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.CRASH])
@pytest.mark.parametrize("step", range(4))
async def test_a_fault_at_any_step_neither_loses_nor_doubles_a_post(
    harness: Harness, fault: Fault, step: int
) -> None:
    """Each way of failing, at each of the calls that show a job: once, and as wanted; but what the
    chat will not have is given up, and that is all."""
    harness.front.faults.extend([None] * step + [fault])
    for text in ("one", "two"):
        await harness.shown(harness.post(text=text), harness.post("web-1", text))
    assert len(harness.front.calls) <= 8
    if fault is Fault.UNPOSTABLE:
        keys = [message.key for message in harness.front.shown]
        assert len(keys) == len(set(keys))
        return
    harness.equal_to(harness.post(text="two"), harness.post("web-1", "two"))


async def test_what_nobody_asked_for_waits_until_it_is_let_in(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that a channel does not take, as the bot was not invited, is shown once it was: for
    as long as it goes on."""
    monkeypatch.setattr(bot.posts.sender, "OFFER_AGAIN_DELAY", 0.005)
    harness.front.faults.extend([Fault.UNPOSTABLE] * 3)
    alert = Subject("alert/1", harness.job.place, harness.job.asked.timestamp())
    firing = Post(alert.id, NoticeContent("firing", State.RUNNING))
    harness.queue.submit(alert, [firing], {})
    await until(lambda: harness.front.shown)
    assert harness.front.one(alert.id).content == firing.content

    over = replace(alert, id="alert/2")
    harness.front.faults.append(Fault.UNPOSTABLE)
    resolved = Post(over.id, NoticeContent("over", State.SUCCEEDED), closing=True)
    harness.queue.submit(over, [resolved], {})
    await until(lambda: harness.queue.submit(over, [resolved], {}))
    assert [message.key for message in harness.front.shown] == [alert.id]


@pytest.mark.parametrize("fault", [*Fault, None])
@pytest.mark.parametrize("step", range(5))
async def test_a_bot_that_dies_at_any_step_is_taken_over(
    harness: Harness, fault: Fault | None, step: int
) -> None:
    """kill -9 in the middle of whatever else goes wrong: the next bot finds what is there."""
    harness.front.faults.extend([None] * step + [Fault.CRASH] + ([fault] if fault else []))
    await harness.submit(harness.post(text="one"), harness.post("web-1", "one"))
    await until(lambda: harness.front.calls)
    await asyncio.sleep(0.01)
    await harness.kill()
    harness.start()
    await harness.submit(harness.post(text="two"), harness.post("web-1", "two"))
    await asyncio.sleep(0.01)
    await harness.kill()
    harness.start()
    if fault is Fault.UNPOSTABLE:
        return
    await harness.shown(harness.post(text="two"), harness.post("web-1", "two"))
    harness.equal_to(harness.post(text="two"), harness.post("web-1", "two"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(4))
async def test_a_database_that_goes_away_in_the_middle_doubles_nothing(
    harness: Harness, when: str, step: int
) -> None:
    """It is waited for; and what it holds in the end is what is shown."""
    harness.posts.away = [""] * step + [when] * 3
    for text in ("one", "two"):
        await harness.shown(harness.post(text=text), harness.post("web-1", text))
    posts = (harness.post(text="two"), harness.post("web-1", "two"))
    harness.equal_to(*posts)
    rows = {row.key: row for row in await harness.store.posts.of_job(harness.job.id)}
    for post in posts:
        row = rows[post.key]
        assert (row.status, row.digest) == ("shown", post.digest)
        assert row.ref == harness.front.one(post.key).ref


async def test_what_waits_is_merged(harness: Harness) -> None:
    """While the chat makes us wait, a hundred changes become one edit."""
    await harness.shown(harness.post(text="0"))
    harness.front.faults.append(Fault.THROTTLED)
    for number in range(100):
        await harness.submit(harness.post(text=f"{number}"))
        await asyncio.sleep(0)
    await harness.shown(harness.post(text="99"))
    assert harness.front.calls.count("edit") <= 4
    harness.equal_to(harness.post(text="99"))


async def test_what_changes_there_and_back_ends_as_it_was(harness: Harness) -> None:
    """A change that is taken back while its edit is under way is edited back."""
    await harness.shown(harness.post(text="calm"))
    harness.front.gate.clear()
    await harness.submit(harness.post(text="blind"))
    await until(lambda: "edit" in harness.front.calls)
    assert not await harness.submit(harness.post(text="calm"))
    harness.front.gate.set()
    await harness.shown(harness.post(text="calm"))
    harness.equal_to(harness.post(text="calm"))


async def test_what_is_taken_back_in_time_costs_no_call(store: Store) -> None:
    """A link that blinks makes no edits."""
    limits = Limits(0.001, 100, 60_000, edit_every=5.0)
    harness = Harness(store, FakeFront(limits=limits))
    await harness.shown(harness.post(text="calm"))
    await harness.submit(harness.post(text="blind"))
    assert await harness.submit(harness.post(text="calm"))
    await until(lambda: not harness.queue._workers)
    assert harness.front.calls == ["post"]
    assert harness.queue.oldest_waiting() == 0.0


async def test_an_edit_under_way_when_the_bot_dies_is_not_believed(harness: Harness) -> None:
    """The next bot does not know what the job's post shows, so it edits it."""
    await harness.shown(harness.post(text="calm"))
    harness.front.faults.append(Fault.CRASH)
    await harness.submit(harness.post(text="blind"))
    await until(lambda: "edit" in harness.front.calls)
    await harness.kill()
    harness.start()
    await harness.shown(harness.post(text="calm"))
    harness.equal_to(harness.post(text="calm"))


async def test_a_deleted_message_is_posted_anew(harness: Harness) -> None:
    """Its thread goes under the new one."""
    await harness.shown(harness.post(text="one"))
    harness.front.delete(harness.job.id)
    await harness.shown(harness.post(text="two"), harness.post("web-1"))
    harness.equal_to(harness.post(text="two"), harness.post("web-1"))


async def test_a_thread_whose_message_was_deleted_gets_a_new_one(harness: Harness) -> None:
    """Nobody edits the job's post any more, but there is something to say in its thread."""
    await harness.shown(harness.post())
    harness.front.delete(harness.job.id)
    await harness.shown(harness.post(), harness.post("web-1"))
    harness.equal_to(harness.post(), harness.post("web-1"))


async def test_what_cannot_be_shown_is_told_to_the_asker_alone(harness: Harness) -> None:
    """The job goes on and ends, also for the one who delivers; nothing is tried for ever."""
    harness.front.unpostable = True
    await harness.shown(harness.post(), harness.post("web-1"))
    await harness.shown(harness.post(text="ended", closing=True), harness.post("web-2"))
    assert [person for person, _ in harness.front.whispers] == ["U_ANN", "U_ANN"]
    assert "the bot is not here" in harness.front.whispers[0][1]
    assert "ended" in harness.front.whispers[1][1]
    assert harness.front.calls == ["post", "send_ephemeral", "send_ephemeral"]
    await until(lambda: not harness.queue._workers)
    harness.start()
    assert await harness.submit(harness.post(text="ended", closing=True), harness.post("web-3"))
    assert len(harness.front.whispers) == 2


async def test_what_ended_before_it_could_be_refused_is_told_in_one_word(harness: Harness) -> None:
    """A short job in a channel that takes no posts: why it cannot be shown, and how it ended."""
    harness.front.unpostable = True
    rows = (Row("web-1", State.FAILED, "exit code 1"),)
    content = JobContent("ship shop prod", "U_ANN", "1 of 1 failed", State.FAILED, rows)
    await harness.shown(Post(harness.job.id, content, closing=True))
    ((_, told),) = harness.front.whispers
    assert "the bot is not here" in told
    assert f"failed: 1 of 1 failed. For the output: /baton log {harness.job.id[:6]}" in told


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNREACHABLE, Fault.LOST, Fault.CRASH])
async def test_the_end_of_what_cannot_be_shown_survives_a_fault(
    harness: Harness, fault: Fault
) -> None:
    """Slack away, a lost answer, kill -9: who asked hears of the end, and for each fault twice at
    most."""
    harness.front.unpostable = True
    await harness.shown(harness.post())
    harness.front.faults.append(fault)
    await harness.submit(harness.post(text="ended", closing=True))
    if fault is Fault.CRASH:
        await until(lambda: any(worker.done() for worker in harness.queue._workers.values()))
        await harness.kill()
        harness.start()
    await harness.shown(harness.post(text="ended", closing=True))
    told = [text for _, text in harness.front.whispers if text == "ended"]
    assert len(told) == (2 if fault is Fault.CRASH else 1)


async def test_a_new_post_is_held_for_its_end(store: Store) -> None:
    """Where edits are dear what is short is said once, as it ended; what is longer is shown while
    it goes on, and no clock that is wrong holds it for long."""
    clock = [0.0]
    front = FakeFront(limits=replace(QUICK, hold_new_posts=True))
    queue = PostQueue(front, store.posts, lambda job: None, monotonic=lambda: clock[0])

    def want(name: str, text: str, *, closing: bool = False, hold: float = 1.5) -> None:
        job = job_of(id=name, asked=now(), place=Place("slack", name))
        content = NoticeContent(text, State.RUNNING)
        until_when = now().timestamp() + hold
        post = Post(name, content, closing=closing, hold_until=until_when)
        queue.submit(job.subject, [post], {})

    def shown(name: str) -> list[str]:
        return [str(message.content) for message in front.shown if message.key == name]

    for name in ("short", "long"):
        want(name, "begun")
    want("wrong", "begun", hold=86_400)
    want("short", "ended", closing=True)
    await until(lambda: shown("short"))
    assert "ended" in shown("short")[0]
    assert not shown("long")
    clock[0] = 1.6
    queue._some["long"].set()
    await until(lambda: shown("long"))
    assert not shown("wrong")
    clock[0] = 6.0
    queue._some["wrong"].set()
    await until(lambda: shown("wrong"))
    assert front.calls == ["post"] * 3
    await queue.close()


@pytest.mark.parametrize("fault", [None, *(f for f in Fault if f is not Fault.UNPOSTABLE)])
async def test_a_file_is_handed_over_once(store: Store, fault: Fault | None) -> None:
    """Whatever happens to the call, and if the bot dies in it: the whole is there once."""
    harness = Harness(store, FakeFront(limits=replace(QUICK, files=True)))
    file = FileContent(f"{harness.job.id}-output.txt", harness.job.id, ("web-1",))
    posts = (harness.post(), Post(f"{harness.job.id}/output", file, harness.job.id, closing=True))
    await harness.shown(posts[0])
    if fault:
        harness.front.faults.append(fault)
    await harness.submit(*posts)
    if fault is Fault.CRASH:
        await until(lambda: any(worker.done() for worker in harness.queue._workers.values()))
        await harness.kill()
        harness.start()
    await harness.shown(*posts)
    assert harness.front.files == {file.name: f"all of {harness.job.id}"}
    await harness.kill()


async def test_where_there_are_no_files_none_is_waited_for(harness: Harness) -> None:
    """A terminal has none: the job is told all the same."""
    file = FileContent("all.txt", harness.job.id, ("web-1",))
    await harness.shown(harness.post(), Post("all", file, harness.job.id, closing=True))
    assert harness.front.calls == ["post"]


async def test_the_word_to_the_asker_is_tried_again(harness: Harness) -> None:
    """An ephemeral message that is throttled still arrives."""
    harness.front.unpostable = True
    harness.front.faults.extend([None, Fault.THROTTLED])
    await harness.shown(harness.post())
    assert len(harness.front.whispers) == 1


async def test_in_a_thread_everything_stays_in_that_thread(harness: Harness) -> None:
    """Who asks in a thread is answered there; there are no threads in threads."""
    await harness.shown(harness.post())
    root = harness.front.one(harness.job.id).ref
    inner = replace(harness.job, id="inner", place=replace(harness.job.place, thread=root))
    content = NoticeContent("x", State.RUNNING)
    await harness.shown(Post("inner", content), Post("inner/a", content, parent="inner"), job=inner)
    assert harness.front.one("inner/a").thread == root


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
