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


class Desk:
    """A chat, a database and the delivery between them, which can be killed and started again."""

    def __init__(self, store: Store, front: FakeFront | None = None, claim: float = 0.3) -> None:
        self.front = front or FakeFront()
        self.store = store
        self.posts = FlakyPosts(store.posts)
        self.claim = claim
        self.job = job_of(id=f"job{next(numbers)}", asked=now())
        self.settled: list[str] = []
        self.delivery = self.start()

    def start(self) -> PostQueue:
        posts: Any = self.posts

        async def whole(file: FileContent) -> str:
            return f"all of {file.job}"

        self.delivery = PostQueue(
            self.front,
            posts,
            self.settled.append,
            file_text=whole,
            claim=self.claim,
            settle_time=0.005,
        )
        return self.delivery

    async def kill(self) -> None:
        """End the delivery where it stands."""
        workers = list(self.delivery._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def want(self, *posts: Post, job: Job | None = None) -> bool:
        job = job or self.job
        rows: dict[str, PostRow] = {}
        if not self.delivery.knows(job.id):
            rows = {row.key: row for row in await self.store.posts.of_job(job.id)}
        return self.delivery.submit(job.subject, posts, rows)

    async def shown(self, *posts: Post, job: Job | None = None) -> None:
        """Return once `posts` are shown."""

        async def all_shown() -> bool:
            return await self.want(*posts, job=job)

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
async def desk(store: Store) -> AsyncIterator[Desk]:
    made = Desk(store)
    yield made
    await made.kill()


async def test_a_post_appears_once_and_then_is_edited(desk: Desk) -> None:
    """One message for a post, whatever it shows in the course of time."""
    await desk.shown(desk.post(text="one"), desk.post("web-1", "begun"))
    await desk.shown(desk.post(text="two"), desk.post("web-1", "done"))
    desk.equal_to(desk.post(text="two"), desk.post("web-1", "done"))
    assert desk.front.calls == ["post", "post", "edit", "edit"]
    assert desk.settled


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.CRASH])
@pytest.mark.parametrize("step", range(4))
async def test_a_fault_at_any_step_neither_loses_nor_doubles_a_post(
    desk: Desk, fault: Fault, step: int
) -> None:
    """Each way of failing, at each of the calls that show a job: once, and as wanted; but what the
    chat will not have is given up, and that is all."""
    desk.front.faults.extend([None] * step + [fault])
    for text in ("one", "two"):
        await desk.shown(desk.post(text=text), desk.post("web-1", text))
    assert len(desk.front.calls) <= 8
    if fault is Fault.UNPOSTABLE:
        keys = [message.key for message in desk.front.shown]
        assert len(keys) == len(set(keys))
        return
    desk.equal_to(desk.post(text="two"), desk.post("web-1", "two"))


async def test_what_nobody_asked_for_waits_until_it_is_let_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that a channel does not take, as the bot was not invited, is shown once it was: for
    as long as it goes on."""
    monkeypatch.setattr(bot.posts.sender, "OFFER_AGAIN_DELAY", 0.005)
    desk.front.faults.extend([Fault.UNPOSTABLE] * 3)
    alert = Subject("alert/1", desk.job.place, desk.job.asked.timestamp())
    firing = Post(alert.id, NoticeContent("firing", State.RUNNING))
    desk.delivery.submit(alert, [firing], {})
    await until(lambda: desk.front.shown)
    assert desk.front.one(alert.id).content == firing.content

    over = replace(alert, id="alert/2")
    desk.front.faults.append(Fault.UNPOSTABLE)
    resolved = Post(over.id, NoticeContent("over", State.SUCCEEDED), closing=True)
    desk.delivery.submit(over, [resolved], {})
    await until(lambda: desk.delivery.submit(over, [resolved], {}))
    assert [message.key for message in desk.front.shown] == [alert.id]


@pytest.mark.parametrize("fault", [*Fault, None])
@pytest.mark.parametrize("step", range(5))
async def test_a_bot_that_dies_at_any_step_is_taken_over(
    desk: Desk, fault: Fault | None, step: int
) -> None:
    """kill -9 in the middle of whatever else goes wrong: the next bot finds what is there."""
    desk.front.faults.extend([None] * step + [Fault.CRASH] + ([fault] if fault else []))
    await desk.want(desk.post(text="one"), desk.post("web-1", "one"))
    await until(lambda: desk.front.calls)
    await asyncio.sleep(0.01)
    await desk.kill()
    desk.start()
    await desk.want(desk.post(text="two"), desk.post("web-1", "two"))
    await asyncio.sleep(0.01)
    await desk.kill()
    desk.start()
    if fault is Fault.UNPOSTABLE:
        return
    await desk.shown(desk.post(text="two"), desk.post("web-1", "two"))
    desk.equal_to(desk.post(text="two"), desk.post("web-1", "two"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(4))
async def test_a_database_that_goes_away_in_the_middle_doubles_nothing(
    desk: Desk, when: str, step: int
) -> None:
    """It is waited for; and what it holds in the end is what is shown."""
    desk.posts.away = [""] * step + [when] * 3
    for text in ("one", "two"):
        await desk.shown(desk.post(text=text), desk.post("web-1", text))
    posts = (desk.post(text="two"), desk.post("web-1", "two"))
    desk.equal_to(*posts)
    rows = {row.key: row for row in await desk.store.posts.of_job(desk.job.id)}
    for post in posts:
        row = rows[post.key]
        assert (row.status, row.digest) == ("shown", post.digest)
        assert row.ref == desk.front.one(post.key).ref


async def test_what_waits_is_merged(desk: Desk) -> None:
    """While the chat makes us wait, a hundred changes become one edit."""
    await desk.shown(desk.post(text="0"))
    desk.front.faults.append(Fault.THROTTLED)
    for number in range(100):
        await desk.want(desk.post(text=f"{number}"))
        await asyncio.sleep(0)
    await desk.shown(desk.post(text="99"))
    assert desk.front.calls.count("edit") <= 4
    desk.equal_to(desk.post(text="99"))


async def test_what_changes_there_and_back_ends_as_it_was(desk: Desk) -> None:
    """A change that is taken back while its edit is under way is edited back."""
    await desk.shown(desk.post(text="calm"))
    desk.front.gate.clear()
    await desk.want(desk.post(text="blind"))
    await until(lambda: "edit" in desk.front.calls)
    assert not await desk.want(desk.post(text="calm"))
    desk.front.gate.set()
    await desk.shown(desk.post(text="calm"))
    desk.equal_to(desk.post(text="calm"))


async def test_what_is_taken_back_in_time_costs_no_call(store: Store) -> None:
    """A link that blinks makes no edits."""
    limits = Limits(0.001, 100, 60_000, edit_every=5.0)
    desk = Desk(store, FakeFront(limits=limits))
    await desk.shown(desk.post(text="calm"))
    await desk.want(desk.post(text="blind"))
    assert await desk.want(desk.post(text="calm"))
    await until(lambda: not desk.delivery._workers)
    assert desk.front.calls == ["post"]
    assert desk.delivery.oldest_waiting() == 0.0


async def test_an_edit_under_way_when_the_bot_dies_is_not_believed(desk: Desk) -> None:
    """The next bot does not know what the job's post shows, so it edits it."""
    await desk.shown(desk.post(text="calm"))
    desk.front.faults.append(Fault.CRASH)
    await desk.want(desk.post(text="blind"))
    await until(lambda: "edit" in desk.front.calls)
    await desk.kill()
    desk.start()
    await desk.shown(desk.post(text="calm"))
    desk.equal_to(desk.post(text="calm"))


async def test_a_deleted_message_is_posted_anew(desk: Desk) -> None:
    """Its thread goes under the new one."""
    await desk.shown(desk.post(text="one"))
    desk.front.delete(desk.job.id)
    await desk.shown(desk.post(text="two"), desk.post("web-1"))
    desk.equal_to(desk.post(text="two"), desk.post("web-1"))


async def test_a_thread_whose_message_was_deleted_gets_a_new_one(desk: Desk) -> None:
    """Nobody edits the job's post any more, but there is something to say in its thread."""
    await desk.shown(desk.post())
    desk.front.delete(desk.job.id)
    await desk.shown(desk.post(), desk.post("web-1"))
    desk.equal_to(desk.post(), desk.post("web-1"))


async def test_what_cannot_be_shown_is_told_to_the_asker_alone(desk: Desk) -> None:
    """The job goes on and ends, also for the one who delivers; nothing is tried for ever."""
    desk.front.unpostable = True
    await desk.shown(desk.post(), desk.post("web-1"))
    await desk.shown(desk.post(text="ended", closing=True), desk.post("web-2"))
    assert [person for person, _ in desk.front.whispers] == ["U_ANN", "U_ANN"]
    assert "the bot is not here" in desk.front.whispers[0][1]
    assert "ended" in desk.front.whispers[1][1]
    assert desk.front.calls == ["post", "send_ephemeral", "send_ephemeral"]
    await until(lambda: not desk.delivery._workers)
    desk.start()
    assert await desk.want(desk.post(text="ended", closing=True), desk.post("web-3"))
    assert len(desk.front.whispers) == 2


async def test_what_ended_before_it_could_be_refused_is_told_in_one_word(desk: Desk) -> None:
    """A short job in a channel that takes no posts: why it cannot be shown, and how it ended."""
    desk.front.unpostable = True
    rows = (Row("web-1", State.FAILED, "exit code 1"),)
    content = JobContent("ship shop prod", "U_ANN", "1 of 1 failed", State.FAILED, rows)
    await desk.shown(Post(desk.job.id, content, closing=True))
    ((_, told),) = desk.front.whispers
    assert "the bot is not here" in told
    assert f"failed: 1 of 1 failed. For the output: /baton log {desk.job.id[:6]}" in told


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNREACHABLE, Fault.LOST, Fault.CRASH])
async def test_the_end_of_what_cannot_be_shown_survives_a_fault(desk: Desk, fault: Fault) -> None:
    """Slack away, a lost answer, kill -9: who asked hears of the end, and for each fault twice at
    most."""
    desk.front.unpostable = True
    await desk.shown(desk.post())
    desk.front.faults.append(fault)
    await desk.want(desk.post(text="ended", closing=True))
    if fault is Fault.CRASH:
        await until(lambda: any(worker.done() for worker in desk.delivery._workers.values()))
        await desk.kill()
        desk.start()
    await desk.shown(desk.post(text="ended", closing=True))
    told = [text for _, text in desk.front.whispers if text == "ended"]
    assert len(told) == (2 if fault is Fault.CRASH else 1)


async def test_a_new_post_is_held_for_its_end(store: Store) -> None:
    """Where edits are dear what is short is said once, as it ended; what is longer is shown while
    it goes on, and no clock that is wrong holds it for long."""
    clock = [0.0]
    front = FakeFront(limits=replace(QUICK, hold_new_posts=True))
    delivery = PostQueue(front, store.posts, lambda job: None, monotonic=lambda: clock[0])

    def want(name: str, text: str, *, closing: bool = False, hold: float = 1.5) -> None:
        job = job_of(id=name, asked=now(), place=Place("slack", name))
        content = NoticeContent(text, State.RUNNING)
        until_when = now().timestamp() + hold
        post = Post(name, content, closing=closing, hold_until=until_when)
        delivery.submit(job.subject, [post], {})

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
    delivery._some["long"].set()
    await until(lambda: shown("long"))
    assert not shown("wrong")
    clock[0] = 6.0
    delivery._some["wrong"].set()
    await until(lambda: shown("wrong"))
    assert front.calls == ["post"] * 3
    await delivery.close()


@pytest.mark.parametrize("fault", [None, *(f for f in Fault if f is not Fault.UNPOSTABLE)])
async def test_a_file_is_handed_over_once(store: Store, fault: Fault | None) -> None:
    """Whatever happens to the call, and if the bot dies in it: the whole is there once."""
    desk = Desk(store, FakeFront(limits=replace(QUICK, files=True)))
    file = FileContent(f"{desk.job.id}-output.txt", desk.job.id, ("web-1",))
    posts = (desk.post(), Post(f"{desk.job.id}/output", file, desk.job.id, closing=True))
    await desk.shown(posts[0])
    if fault:
        desk.front.faults.append(fault)
    await desk.want(*posts)
    if fault is Fault.CRASH:
        await until(lambda: any(worker.done() for worker in desk.delivery._workers.values()))
        await desk.kill()
        desk.start()
    await desk.shown(*posts)
    assert desk.front.files == {file.name: f"all of {desk.job.id}"}
    await desk.kill()


async def test_where_there_are_no_files_none_is_waited_for(desk: Desk) -> None:
    """A terminal has none: the job is told all the same."""
    file = FileContent("all.txt", desk.job.id, ("web-1",))
    await desk.shown(desk.post(), Post("all", file, desk.job.id, closing=True))
    assert desk.front.calls == ["post"]


async def test_the_word_to_the_asker_is_tried_again(desk: Desk) -> None:
    """An ephemeral message that is throttled still arrives."""
    desk.front.unpostable = True
    desk.front.faults.extend([None, Fault.THROTTLED])
    await desk.shown(desk.post())
    assert len(desk.front.whispers) == 1


async def test_in_a_thread_everything_stays_in_that_thread(desk: Desk) -> None:
    """Who asks in a thread is answered there; there are no threads in threads."""
    await desk.shown(desk.post())
    root = desk.front.one(desk.job.id).ref
    inner = replace(desk.job, id="inner", place=replace(desk.job.place, thread=root))
    content = NoticeContent("x", State.RUNNING)
    await desk.shown(Post("inner", content), Post("inner/a", content, parent="inner"), job=inner)
    assert desk.front.one("inner/a").thread == root


async def test_two_bots_one_of_them_stalled_post_once(store: Store) -> None:
    """A bot whose call hangs while another takes over: the other waits for as long as the first
    one's word may count, and finds its message."""
    first = Desk(store)
    first.front.held = {"post"}
    first.front.gate.clear()
    await first.want(first.post())
    await until(lambda: first.front.calls == ["post"])
    second = Desk(store, first.front)
    second.job = first.job
    second.delivery = PostQueue(first.front, store.posts, lambda job: None, claim=2.0)
    await second.want(first.post())
    await until(lambda: first.front.calls == ["post", "find"])
    asked = time.monotonic()
    await until(lambda: time.monotonic() > asked + 0.1)
    assert first.front.calls == ["post", "find"]
    first.front.gate.set()
    await second.shown(first.post())
    first.equal_to(first.post())
    assert await until(lambda: not first.delivery._workers)
    await second.kill()


async def test_a_claim_that_took_too_long_is_no_claim(store: Store) -> None:
    """A bot that stalls between noting a post and posting it looks first."""
    first = Desk(store, claim=0.02)
    other = Desk(store, first.front)
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
    delivery = PostQueue(front, store.posts, lambda job: None, monotonic=lambda: clock[0])
    jobs = [job_of(id=f"many{number}", place=Place("slack", f"C{number}")) for number in range(40)]

    def want(job: Job, text: str, closing: bool = False) -> None:
        delivery.submit(
            job.subject, [Post(job.id, NoticeContent(text, State.RUNNING), closing=closing)], {}
        )

    for job in jobs:
        want(job, "one")
    await until(lambda: len(front.shown) == 40)
    await until(lambda: not delivery._workers)
    clock[0] += 3.0
    for job in jobs:
        want(job, "two")
    await until(lambda: front.calls.count("edit") == 8)
    want(jobs[-1], "ended", closing=True)
    await until(lambda: "ended" in str(front.one(jobs[-1].id).content))
    assert front.calls.count("edit") == 9
    await delivery.close()


async def test_posts_in_a_channel_keep_their_order(desk: Desk) -> None:
    """Turned away, then let in: first asked, first shown."""
    desk.front.faults.extend([Fault.THROTTLED, Fault.UNREACHABLE, None, Fault.THROTTLED])
    jobs = [replace(desk.job, id=f"in-order-{number}") for number in range(6)]
    for job in jobs:
        await desk.want(Post(job.id, NoticeContent("x", State.RUNNING)), job=job)
    await until(lambda: len(desk.front.shown) == 6)
    assert [message.key for message in desk.front.shown] == [job.id for job in jobs]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNREACHABLE])
async def test_what_is_wanted_while_others_are_held_is_held_too(desk: Desk, fault: Fault) -> None:
    """A pause that the chat demands is kept by what comes later, which is not shown before what
    was asked first."""
    bot.posts.sender.BACKOFF = bot.posts.sender.MAX_BACKOFF = 0.05
    desk.front.faults.append(fault)
    first, second = (replace(desk.job, id=f"held-{number}") for number in range(2))
    await desk.want(Post(first.id, NoticeContent("x", State.RUNNING)), job=first)
    await until(lambda: desk.delivery._pending.of_subject[first.id][first.id].failures)
    await desk.want(Post(second.id, NoticeContent("x", State.RUNNING)), job=second)
    await until(lambda: len(desk.front.shown) == 2)
    assert [message.key for message in desk.front.shown] == [first.id, second.id]
    assert desk.front.calls == ["post"] * 3


async def test_an_outage_costs_few_calls(store: Store) -> None:
    """A chat that cannot be reached is asked for one post, not for all that wait."""
    desk = Desk(store)
    bot.posts.sender.BACKOFF = bot.posts.sender.MAX_BACKOFF = 0.05
    desk.front.faults.extend([Fault.UNREACHABLE] * 2)
    for number in range(20):
        job = replace(desk.job, id=f"outage-{number}")
        await desk.want(Post(job.id, NoticeContent("x", State.RUNNING)), job=job)
    await until(lambda: len(desk.front.shown) == 20)
    assert len(desk.front.calls) == 22


async def test_what_is_told_is_forgotten(desk: Desk) -> None:
    """Memory does not grow with the jobs that are over."""
    await desk.shown(desk.post(), desk.post("web-1"))
    desk.delivery.discard(desk.job.id)
    await until(lambda: not desk.delivery._workers)
    left = (
        desk.delivery._pending.waiting,
        desk.delivery._pending.of_subject,
        desk.delivery._pending.refs,
        desk.delivery._some,
    )
    assert left == ({}, {}, {}, {})


async def test_a_stop_lets_the_call_under_way_be_answered(desk: Desk) -> None:
    """An orderly stop leaves no post of which nobody knows."""
    desk.front.gate.clear()
    await desk.want(desk.post())
    await until(lambda: desk.front.calls == ["post"])
    closing = asyncio.create_task(desk.delivery.close())
    await asyncio.sleep(0)
    desk.front.gate.set()
    await closing
    (row,) = await desk.store.posts.of_job(desk.job.id)
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


def test_whatever_happens_each_post_ends_there_once_as_wanted(opened: Store, hurry: None) -> None:
    """Any sequence of changes, faults, crashes, restarts, deletions and database outages."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(step, max_size=25))
    def check(steps: list[tuple[str, Any]]) -> None:
        asyncio.run(scenario(opened, steps))

    check()


async def scenario(store: Store, steps: list[tuple[str, Any]]) -> None:
    desk = Desk(store, claim=0.02)
    posts: list[Post] = []
    for number, (what, value) in enumerate(steps):
        if any(worker.done() for worker in desk.delivery._workers.values()):
            what, value = "restart", True
        if what == "want":
            names = ["", *(f"web-{index}" for index in range(value))]
            fresh = [desk.post(name, f"{number}") for name in names]
            posts = fresh + posts[len(fresh) :]
            await desk.want(*posts)
        elif what == "fault":
            desk.front.faults.append(value)
        elif what == "away":
            desk.posts.away.append(value)
        elif what == "delete" and value < len(posts):
            desk.front.delete(posts[value].key)
        elif what == "wait":
            await asyncio.sleep(value / 2000)
        elif what == "restart":
            await (desk.kill() if value else desk.delivery.close())
            desk.start()
            await desk.want(*posts)
    await desk.kill()
    desk.front.faults.clear()
    desk.posts.away.clear()
    desk.start()
    final = [replace(post, content=NoticeContent("the end", State.FAILED)) for post in posts]
    await desk.shown(*final)
    assert len(desk.front.calls) <= 12 * (len(steps) + 3)
    # a deleted message that nothing was to be said under stays deleted only if nobody edited it
    desk.equal_to(*final)
    await desk.kill()
