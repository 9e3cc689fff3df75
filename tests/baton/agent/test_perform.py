"""How runs end: by themselves, cancelled, out of time, with their agent."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.channel import Channel
from baton.bus.messages import State
from baton.consumer import TimeLimit
from baton.errors import Failed, Refused
from baton.run import Run
from tests.baton.stage import Stage, Work, Worker, agent, cancel, in_memory, request
from tests.support.wait import until


async def test_cancelled_while_it_runs(channel: Channel, stage: Stage) -> None:
    """The consumer is stopped, and the agent says who wanted it."""
    worker = Worker()
    async with agent(channel, [worker]):
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
        await stage.send(cancel(asked))
        assert await stage.ends(asked) == (State.CANCELLED, "cancelled by ann")
    assert worker.stopped == [asked.id]


async def test_a_consumer_that_is_deaf_to_cancelling_is_cancelled(
    channel: Channel, stage: Stage
) -> None:
    """One that swallows the cancellation and returns has not succeeded."""
    worker = Worker()
    async with agent(channel, [worker]):
        await stage.send(asked := request("deaf"))
        await until(lambda: worker.started)
        await stage.send(cancel(asked))
        assert (await stage.ends(asked))[0] is State.CANCELLED


@pytest.mark.parametrize("how", ["wait", "deaf"])
async def test_a_run_is_ended_at_its_timeout(channel: Channel, stage: Stage, how: str) -> None:
    """Also if the consumer swallows the cancellation."""
    async with agent(channel, [Worker()]):
        await stage.send(asked := request(how, timeout=0.05))
        end = (State.FAILED, "it exceeded its time limit of 0.1 s and was stopped")
        assert await stage.ends(asked) == end


class Raising(Worker):
    """Raises what it is given."""

    raises: BaseException

    async def do(self, run: Run[Work]) -> None:
        run.notify_log("a line")
        raise self.raises


RAISED: list[tuple[BaseException, State, str]] = [
    (Refused("shop is being deployed"), State.REFUSED, "shop is being deployed"),
    (Failed("no such ref"), State.FAILED, "no such ref"),
    (ValueError("7"), State.FAILED, "ValueError: 7"),
    (ZeroDivisionError(), State.FAILED, "ZeroDivisionError"),
    (TimeoutError("the door"), State.FAILED, "something timed out: the door"),
    (asyncio.CancelledError(), State.FAILED, "the command cancelled its own work"),
    (SystemExit(3), State.FAILED, "SystemExit: 3"),
    (Failed("no \udcff"), State.FAILED, "no ?"),
]


@pytest.mark.parametrize(("raised", "state", "text"), RAISED)
async def test_what_a_consumer_raises_ends_its_run(
    channel: Channel, stage: Stage, raised: BaseException, state: State, text: str
) -> None:
    """Whatever it is, the agent goes on; what was said before is not lost."""
    raising = Raising()
    raising.raises = raised
    async with agent(channel, [raising]):
        for _ in range(2):
            await stage.send(asked := request())
            assert await stage.ends(asked) == (state, text)
            assert [update.text for update in stage.about(asked)] == ["", "a line", text]


async def test_a_failure_while_stopping_is_said(channel: Channel, stage: Stage) -> None:
    """Whoever cancels reads what went wrong on the way, too."""

    class Clumsy(Worker):
        async def do(self, run: Run[Work]) -> None:
            try:
                await self.release.wait()
            finally:
                raise Failed("the way back is blocked")

    async with agent(channel, [worker := Clumsy()]):
        await stage.send(asked := request())
        await until(lambda: worker.started)
        await stage.send(cancel(asked))
        text = "cancelled by ann; while stopping: the way back is blocked"
        assert await stage.ends(asked) == (State.CANCELLED, text)


class Patient(Worker):
    """Its settings give a run more time than the request does."""

    def time_limit(self, run: Run[Work]) -> TimeLimit:
        return TimeLimit(0.2 if run.command.how == "wait" else 7200.0, "patience", rollback=60.0)


async def test_the_servers_own_limit_counts_and_is_told() -> None:
    """Its first update says how long it gives a run, the way back too; the text names the
    setting."""
    _, channel, stage = in_memory()
    await stage.listen()
    async with agent(channel, [Patient()]):
        await stage.send(asked := request("well", timeout=900.0))
        await stage.ended(asked)
        assert stage.about(asked)[0].facts == {"ends_within": 7260.0}
        await stage.send(asked := request("wait", timeout=900.0))
        assert await stage.ends(asked) == (
            State.FAILED,
            "it exceeded its time limit of 0.2 s (patience) and was stopped",
        )
