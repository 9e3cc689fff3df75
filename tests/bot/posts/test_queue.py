from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

import bot.posts.next_post
import bot.posts.queue
import bot.posts.sender
from baton.bus.messages import State, now
from bot.content import FileContent, JobContent, NoticeContent, Post, Row
from bot.fronts.protocol import Limits
from bot.jobs import Place, Subject
from bot.posts.queue import PostQueue
from bot.store import Store
from tests.bot.build import job as job_of
from tests.bot.fake_front import QUICK, FakeFront, Fault
from tests.bot.posts.queue_harness import Harness
from tests.bot.posts.queue_harness import harness as harness
from tests.bot.posts.queue_harness import hurry as hurry
from tests.support.wait import until


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
