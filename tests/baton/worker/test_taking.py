"""Jobs of a queue that workers share: each starts at most once, and each ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baton.bus.exchanges import (
    DEAD_QUEUE,
    INPUT,
    agent_queue,
    foreign_queue,
    work_queue,
)
from baton.bus.memory.delivery import MemoryDelivery
from baton.bus.messages import State, now
from baton.errors import Disconnected, JournalUnavailable
from baton.worker.slots import Slots
from tests.baton.worker.world import Life, Stage, build_request, cancel_request
from tests.support.queues import first_of
from tests.support.wait import until


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.listen()
    return made


async def test_a_request_is_done_and_reported(stage: Stage) -> None:
    """With what its runner declares, by which worker, and how long it may take."""
    async with stage.working() as life:
        asked = await stage.ask("print")
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.SUCCEEDED, "print done")
        updates = stage.updates[asked.id]
        assert [each.sequence for each in updates] == [1, 2, 3]
        assert updates[0].state is State.ACCEPTED
        assert {(each.source, each.host) for each in updates} == {("worker.a", "work.reports")}
        assert all(each.facts["worker"] == "worker.a" for each in updates)
        (work,) = life.runner.started
        assert (work.id, work.queue, work.arguments) == (asked.job, "reports", {"do": "print"})
        assert await stage.channel.depth(work_queue("reports")) == 0


@pytest.mark.parametrize(
    ("changes", "state", "text"),
    [
        ({"deadline": now() - timedelta(hours=1)}, State.EXPIRED, "after its deadline"),
        ({"environment": "test"}, State.REFUSED, "it is meant for test"),
        ({"command": "deploy"}, State.REFUSED, "is for the runner report, not for deploy"),
        ({"host": "work.other"}, State.REFUSED, "not for report on work.other"),
        ({"arguments": {"make": "x"}}, State.REFUSED, "make"),
        ({"arguments": {"do": "fail"}}, State.FAILED, "no paper"),
    ],
)
async def test_what_is_not_done_says_why(
    stage: Stage, changes: dict[str, Any], state: State, text: str
) -> None:
    """It ends once, and only a failure was begun."""
    async with stage.working() as life:
        asked = await stage.ask(**changes)
        await until(lambda: stage.end(asked))
        (end,) = stage.ends(asked)
        assert end.state is state
        assert text in end.text
        assert len(life.runner.started) == (state is State.FAILED)


async def test_a_foreign_queue_is_served_and_a_bad_message_is_a_dead_letter(stage: Stage) -> None:
    """Build requests of PyBit run without a report to the bot; the same bytes sent again run again;
    what is no job is dead with the reason."""
    theirs = foreign_queue("theirs")
    await stage.channel.declare(theirs, [(INPUT, "to.theirs")])
    async with stage.working() as life:
        await stage.push("theirs", build_request("wait"))
        await until(lambda: life.runner.started)
        (work,) = life.runner.started
        assert (work.id, work.build and work.build.get_package()) == ("42", "wait")
        assert work.build is not None
        assert isinstance(work.build.get_buildstamp(), int), "stamped before it runs, as by rbit"
        life.runner.release.set()
        await until(lambda: life.runner.ended)
        await stage.push("theirs", build_request("wait"))
        await until(lambda: len(life.runner.ended) == 2)
        await stage.push("theirs", b"cos\nsystem\n")
        dead = await until(lambda: first_of(stage.channel, DEAD_QUEUE))
        assert dead is not None
        assert "not JSON" in dead.envelope.headers["baton-reason"]
        assert not stage.updates


async def test_no_more_is_taken_than_there_are_slots(stage: Stage) -> None:
    """The rest waits in the queue for whoever is free."""
    async with stage.working(runner={"concurrency": 2}) as life:
        asked = [await stage.ask("wait") for _ in range(5)]
        await until(lambda: len(life.runner.started) == 2)
        assert await until(lambda: stage.channel.depth(work_queue("reports"))) == 3
        async with stage.working("worker.b", runner={"concurrency": 3}) as other:
            await until(lambda: len(other.runner.started) == 3)
            assert len(life.runner.started) == 2
            other.runner.release.set()
            life.runner.release.set()
            await until(lambda: all(stage.end(each) for each in asked))
    assert all(len(stage.ends(each)) == 1 for each in asked)


async def test_what_comes_again_is_not_started_again(stage: Stage) -> None:
    """Whether it runs, or has ended: then its end is told once more."""
    async with stage.working(runner={"concurrency": 4}) as life:
        asked = await stage.ask("wait")
        await until(lambda: life.runner.started)
        await stage.ask(**asked.model_dump(include={"id", "job", "arguments"}))
        await until(lambda: _empty(stage))
        life.runner.release.set()
        await until(lambda: stage.end(asked))
        await stage.ask(**asked.model_dump(include={"id", "job", "arguments"}))
        await until(lambda: len(stage.ends(asked)) == 2)
        assert len({each.id for each in stage.ends(asked)}) == 1
        assert len(life.runner.started) == 1


async def test_a_job_whose_fence_was_not_answered_is_claimed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost between acknowledgement and fence: two workers have it then, and one
    of them starts it."""
    fence = MemoryDelivery.ack_and_fence
    lost = 0

    async def unanswered(delivery: MemoryDelivery) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            life.channel.drop()
            raise Disconnected(url="memory", reason="cut")
        await fence(delivery)

    monkeypatch.setattr(MemoryDelivery, "ack_and_fence", unanswered)
    async with stage.working("worker.b") as other, stage.working() as life:
        asked = [await stage.ask("print") for _ in range(4)]
        await until(lambda: all(stage.end(each) for each in asked))
        started = [work.id for work in (*life.runner.started, *other.runner.started)]
        assert sorted(started) == sorted(each.job for each in asked)
        assert lost


async def test_a_job_that_another_worker_has_is_forgotten(stage: Stage) -> None:
    """Redelivered, and claimed by somebody else: it neither runs nor comes back."""
    async with stage.working() as life:
        await life.stop()
    asked = await stage.ask("print")
    held = await first_of(stage.channel, work_queue("reports"))
    assert held is not None
    await stage.channel.claim(f"{asked.id}.1", "somebody else")
    await held.reject(requeue=True)
    async with stage.working() as life:
        await until(lambda: _empty(stage))
        second = await stage.ask("print")
        await until(lambda: stage.end(second))
        assert [work.id for work in life.runner.started] == [second.job]
        assert not stage.ends(asked)


async def _empty(stage: Stage) -> bool:
    return await stage.channel.depth(work_queue("reports")) == 0


async def test_a_journal_that_cannot_be_written_gives_the_job_to_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither acknowledged nor lost."""
    async with stage.working() as life:

        async def full(job: Any) -> None:
            raise JournalUnavailable("work.sqlite", "disk full")

        monkeypatch.setattr(life.journal, "take", full)
        asked = await stage.ask("print")
        async with stage.working("worker.b") as other:
            await until(lambda: stage.end(asked))
            assert (len(life.runner.started), len(other.runner.started)) == (0, 1)


async def test_a_worker_that_is_killed_starts_nothing_twice(stage: Stage) -> None:
    """What ran is interrupted; what was taken and not started goes on; an end that was not sent is
    sent."""
    life = await stage.worker(runner={"concurrency": 3})
    asked = await stage.ask("wait")
    await until(lambda: life.runner.started)
    await life.kill()
    async with stage.working(runner={"concurrency": 3}) as again:
        await until(lambda: stage.end(asked))
        (end,) = stage.ends(asked)
        assert end.state is State.INTERRUPTED
        assert "restarted during the job" in end.text
        assert not again.runner.started


async def test_a_foreign_job_is_started_again_as_often_as_its_runner_says(stage: Stage) -> None:
    """A worker that dies each time does not start it for ever."""
    await stage.channel.declare(foreign_queue("theirs"), [(INPUT, "to.theirs")])
    await stage.push("theirs", build_request("wait"))
    for attempt in (1, 2, 3):
        life = await stage.worker(runner={"retry": 2})
        await until(lambda life=life: life.runner.started)  # type: ignore[misc]
        assert [work.attempt for work in life.runner.started] == [attempt]
        await life.kill()
    async with stage.working(runner={"retry": 2}) as last:
        await until(lambda: not last.service._left)
        asked = await stage.ask("print")
        await until(lambda: stage.end(asked))
        assert [work.id for work in last.runner.started] == [asked.job]


async def test_what_an_earlier_life_left_has_slots_before_what_is_new(stage: Stage) -> None:
    """No more jobs run than the runner allows, though it allows fewer now; one that waits for its
    slot can be cancelled, and is left to the next life if this one stops."""
    theirs = foreign_queue("theirs")
    await stage.channel.declare(theirs, [(INPUT, "to.theirs")])
    await stage.channel.declare(foreign_queue("worker.a-cancels"), [(INPUT, "to.cancels")])
    life = await stage.worker(runner={"concurrency": 4, "retry": 9})
    for job in (1, 2, 3, 4):
        await stage.push("theirs", build_request("wait", job))
    await until(lambda: len(life.runner.started) == 4)
    await life.kill()
    life = await stage.worker(runner={"concurrency": 2, "retry": 9})
    asked = await stage.ask("wait")
    await until(lambda: len(life.runner.started) == 2)
    running = {work.id for work in life.runner.started}
    waiting = sorted({"1", "2", "3", "4"} - running, key=int)
    await stage.push("cancels", cancel_request(int(waiting[0])))
    await until(lambda: {"1", "2", "3", "4"} - _jobs(life) == {waiting[0]})
    await life.stop()  # while both run
    assert len(life.runner.started) == 2, "one that stops begins nothing"
    async with stage.working(runner={"retry": 9}) as last:
        last.runner.release.set()
        await until(lambda: stage.end(asked))
        *left, new = (work.id for work in last.runner.started)
        assert new == asked.job
        assert {*left} == {waiting[1], *running}


def _jobs(life: Life) -> set[str]:
    return {active.job.job for active in life.service.taking.active.values()}


async def test_fewer_slots_count_once_jobs_end(stage: Stage) -> None:
    """The first jobs that end leave more than the new number running: none begins for them. Then
    what was left begins, and what is new after it."""
    slots = Slots(3)
    held = [await slots.enter_left() for _ in range(3)]
    heir = await slots.hand_over(1)
    new, left = asyncio.ensure_future(heir.enter()), asyncio.ensure_future(heir.enter_left())
    for slot in held:
        await asyncio.sleep(0)
        assert not any((left.done(), new.done()))
        slot.leave()
    (await left).leave()
    assert not new.done()
    found = await new
    assert found is not None
    found.leave()


async def test_a_worker_that_stops_ends_what_runs_and_leaves_the_rest(stage: Stage) -> None:
    """Within its drain time a job ends as it would; after it, as interrupted. What waits in the
    queue is for others."""
    life = await stage.worker(drain=30)
    asked, waiting = await stage.ask("wait"), await stage.ask("wait")
    await until(lambda: life.runner.started)
    life.service.stop()
    life.runner.release.set()
    await life.task
    assert stage.end(asked) == (State.SUCCEEDED, "wait done")
    assert stage.end(waiting) is None
    life = await stage.worker(drain=0)
    await until(lambda: life.runner.started)
    await life.stop()
    await until(lambda: stage.end(waiting))
    assert stage.end(waiting) == (State.INTERRUPTED, "the agent was stopped")


async def test_cancelled_before_while_it_runs_and_after(stage: Stage) -> None:
    """Each ends as cancelled, whichever worker has it; what has ended is told once more."""
    async with stage.working() as life:
        runs, waits = await stage.ask("wait"), await stage.ask("print")
        await until(lambda: life.runner.started)
        await stage.cancel(waits)
        await stage.cancel(runs)
        await until(lambda: stage.end(runs) and stage.end(waits))
        assert stage.end(runs) == (State.CANCELLED, "cancelled by ann")
        assert stage.end(waits) == (State.CANCELLED, "it was cancelled before it arrived")
        done = await stage.ask("print")
        await until(lambda: stage.end(done))
        await stage.cancel(done)
        await until(lambda: len(stage.ends(done)) == 2)
        assert {each.state for each in stage.ends(done)} == {State.SUCCEEDED}


async def test_what_was_cancelled_while_a_worker_was_away_is_not_begun(stage: Stage) -> None:
    """It reads its inbox first."""
    async with stage.working():
        pass
    asked = await stage.ask("print")
    await stage.cancel(asked)
    assert await stage.channel.depth(agent_queue("worker.a")) == 1
    async with stage.working() as life:
        await until(lambda: stage.end(asked))
        assert not life.runner.started
        assert (stage.end(asked) or (None,))[0] is State.CANCELLED


async def test_pybit_cancels_its_own_jobs(stage: Stage) -> None:
    """Before they arrive, while they run, and while they are parked."""
    await stage.channel.declare(foreign_queue("theirs"), [(INPUT, "to.theirs")])
    cancels = foreign_queue("worker.a-cancels")
    await stage.channel.declare(cancels, [(INPUT, "to.cancels")])
    async with stage.working(runner={"concurrency": 4}) as life:
        await stage.push("theirs", build_request("wait", 1))
        await stage.push("theirs", build_request("block", 2))
        await until(lambda: len(life.runner.started) == 2)
        await until(lambda: len(life.service.taking.active) == 1)
        for job in (1, 2, 3):
            await stage.push("cancels", cancel_request(job))
        await until(lambda: not life.service.taking.active)
        await stage.push("theirs", build_request("print", 3))
        await stage.push("theirs", build_request("print", 4))
        stage.time.advance(6)
        await until(lambda: any(work.id == "4" for work in life.runner.started))
        assert [work.id for work in life.runner.started] == ["1", "2", "4"]


async def test_heartbeats_name_the_runners(stage: Stage) -> None:
    """With what they declare, so that the bot makes commands of them."""
    async with stage.working(runner={"summary": "Prints", "retry": 1}) as life:
        facts = life.service.facts()
        assert [(each.name, each.queue) for each in facts.runners] == [
            ("report", "reports"),
            ("report", "theirs"),
        ]
        (first, _) = facts.runners
        assert (first.summary, first.retry) == ("Prints", 1)
        assert first.arguments == {"do": {"type": "text", "required": False}}
