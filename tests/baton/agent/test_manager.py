"""What an agent makes of what comes for it, over both buses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baton.agent.journal import Entry, MemoryJournal, SqliteJournal
from baton.bus.channel import Channel
from baton.bus.exchanges import agent_queue, host_key
from baton.bus.messages import Discover, Heartbeat, Pong, Request, State, now
from baton.errors import JournalUnavailable
from baton.server import Server
from commands.ping import PingConsumer
from tests.baton.stage import HOST, SERVER, Stage, Worker, agent, cancel, in_memory, request
from tests.support.buses import Bus
from tests.support.queues import first_of
from tests.support.wait import until


async def test_a_request_is_done_and_reported_in_order(channel: Channel, stage: Stage) -> None:
    """Accepted, each step, the end: numbered from 1, in the order in which they were said."""
    async with agent(channel, [Worker()]):
        asked = request("talk")
        await stage.send(asked)
        await stage.ended(asked)
    updates = stage.about(asked)
    assert [update.sequence for update in updates] == list(range(1, 23))
    assert [update.state for update in updates] == [
        State.ACCEPTED,
        *[State.RUNNING] * 20,
        State.SUCCEEDED,
    ]
    assert [update.percent for update in updates[1:]] == [*range(0, 100, 5), 100]
    assert (updates[-1].text, updates[-1].facts) == ("talked", {"count": 20})


async def test_a_ping_is_answered_with_one_pong(channel: Channel, stage: Stage) -> None:
    """What only looks says nothing but its answer."""
    async with agent(channel, [PingConsumer(SERVER)]):
        asked = request(command="ping", host=None, arguments={"environment": "prod"})
        await stage.send(asked, "ping.prod")
        pong = await until(lambda: stage.end(asked))
    assert isinstance(pong, Pong)
    assert pong.facts.host == HOST
    assert stage.heard == [pong]


async def test_asked_twice_it_starts_once(channel: Channel, stage: Stage) -> None:
    """The same request again, while it runs and after, starts nothing; its end is said again."""
    worker = Worker()
    async with agent(channel, [worker]):
        asked = request("wait")
        await stage.send(asked)
        await until(lambda: worker.started)
        await stage.send(asked)
        await stage.send(probe := request())
        await stage.ended(probe)
        worker.release.set()
        await stage.ended(asked)
        await stage.send(asked)
        await until(lambda: sum(update.state.final for update in stage.about(asked)) == 2)
    assert worker.started.count(asked.id) == 1
    first, second = (update for update in stage.about(asked) if update.state.final)
    assert first == second


async def test_what_was_asked_under_an_older_lock_is_refused(
    channel: Channel, stage: Stage, tmp_path: Path
) -> None:
    """A deploy that comes late must not undo that of somebody who has the lock now. One without a
    number is taken, and one that ran before is told as it was."""
    worker = Worker()
    journal = await SqliteJournal.open(tmp_path / "journal.db")
    async with agent(channel, [worker], journal=journal):
        first, late, newer, older = (request() for _ in range(4))
        asks = [
            first.model_copy(update={"fence": 7}),
            newer.model_copy(update={"fence": 8}),
            late.model_copy(update={"fence": 7}),
            first.model_copy(update={"fence": 7}),
            older,
        ]
        for asked in asks:
            await stage.send(asked)
            await stage.ended(asked)
    assert worker.started == [first.id, newer.id, older.id]
    end = stage.about(late)[-1]
    assert (end.state, end.text) == (
        State.REFUSED,
        f"this {late.command} was asked under lock 7; lock 8 came after",
    )


async def test_the_next_attempt_is_another_start(channel: Channel, stage: Stage) -> None:
    """(request, attempt) names a start."""
    worker = Worker()
    async with agent(channel, [worker]):
        asked = request()
        await stage.send(asked)
        await stage.send(asked.model_copy(update={"attempt": 2}))
        await until(lambda: sum(update.state.final for update in stage.about(asked)) == 2)
    assert worker.started == [asked.id, asked.id]


async def test_redelivered_by_the_bus_it_starts_once(bus: Bus, stage: Stage) -> None:
    """A connection that is lost before the acknowledgement arrives brings the request again."""
    channel, worker = await bus.open("agent"), Worker()
    asked = request("wait")

    class Cutting(MemoryJournal):
        async def accept(self, *given: Any) -> Entry | None:
            if first := not self._entries:
                await bus.cut(channel)
            known = await super().accept(*given)
            second.set() if not first else None
            return known

    second = asyncio.Event()
    async with agent(channel, [worker], Cutting()):
        await stage.send(asked)
        await until(lambda: worker.started)
        await stage.send(probe := request(), host_key(HOST))
        await stage.ended(probe)
        worker.release.set()
        assert (await stage.ends(asked))[0] is State.SUCCEEDED
    assert worker.started.count(asked.id) == 1


REFUSED = [
    ({"host": "web-2"}, State.REFUSED, "it is meant for web-2, but this server is web-1"),
    (
        {"command": "wrok"},
        State.REFUSED,
        "command “wrok” is not installed on this server (installed: work)",
    ),
    ({"arguments": {"environment": "prod", "colour": "red"}}, State.REFUSED, "colour|Extra"),
    ({"arguments": {"environment": "no/good"}}, State.REFUSED, "ENVIRONMENT"),
    ({"deadline": now() - timedelta(hours=1)}, State.EXPIRED, "after its deadline"),
]


@pytest.mark.parametrize(("wrong", "state", "reason"), REFUSED)
async def test_what_cannot_be_started_is_refused(
    channel: Channel, stage: Stage, wrong: dict[str, Any], state: State, reason: str
) -> None:
    """Nothing is run, and the one who asked reads why."""
    worker = Worker()
    async with agent(channel, [worker]):
        asked = request(**wrong)
        await stage.send(asked)
        update = await stage.ended(asked)
    assert (update.state, update.host) == (state, HOST)
    assert any(part in update.text for part in reason.split("|"))
    assert worker.started == []


async def test_more_than_it_can_do_is_refused(channel: Channel, stage: Stage) -> None:
    """Of many that arrive at once, as many as the limit run; the others are refused, not kept."""
    worker = Worker()
    async with agent(channel, [worker], most_runs=3):
        asked = [request("wait") for _ in range(8)]
        await asyncio.gather(*(stage.send(each) for each in asked))
        await until(lambda: sum(stage.end(each) is not None for each in asked) == 5)
        worker.release.set()
        ends = [await stage.ends(each) for each in asked]
    assert [state for state, _ in ends] == [State.SUCCEEDED] * 3 + [State.REFUSED] * 5
    assert ends[-1][1] == "3 runs are in progress here, which is the limit (agent.most_runs)"


async def test_an_invalid_message_is_buried_with_the_reason(channel: Channel, stage: Stage) -> None:
    """What is no message that an agent takes goes to the dead letters; the agent goes on."""
    async with agent(channel, [Worker()]):
        bodies = {
            b"deploy!": "not JSON",
            b'{"specversion":"1.0","type":"x","id":"1","data":{}}': "type is 'x'",
            b'{"specversion":"1.0","type":"baton.request","id":"1","data":{}}': "job: Field req",
        }
        for body, reason in bodies.items():
            await stage.send_body(body)
            letter = await stage.dead()
            assert letter.body == body
            assert reason in letter.headers["baton-reason"]
            assert letter.headers["baton-key"] == f"host.{HOST}"
        facts = SERVER.facts()
        await stage.send(Heartbeat(facts=facts, interval=1.0))
        assert "does not use baton.heartbeat" in (await stage.dead()).headers["baton-reason"]
        await stage.send(asked := request())
        assert (await stage.ends(asked))[0] is State.SUCCEEDED


async def test_cancelled_before_it_comes(channel: Channel, stage: Stage) -> None:
    """A cancel that overtakes its request keeps it from ever being started."""
    worker = Worker()
    async with agent(channel, [worker]):
        asked = request()
        await stage.send(cancel(asked))
        await stage.send(asked)
        assert await stage.ends(asked) == (State.CANCELLED, "it was cancelled before it arrived")
    assert worker.started == []


async def test_cancelled_in_the_same_batch(channel: Channel, stage: Stage, tmp_path: Path) -> None:
    """Request and cancel that share a commit of the journal: it ends as cancelled."""
    worker, journal = Worker(), await SqliteJournal.open(tmp_path / "j.sqlite")
    async with agent(channel, [worker], journal):
        asked = request("wait")
        await asyncio.gather(stage.send(asked), stage.send(cancel(asked)))
        assert (await stage.ends(asked))[0] is State.CANCELLED
    await journal.close()


async def test_cancelled_too_late(channel: Channel, stage: Stage) -> None:
    """A cancel of what has ended is answered with how it ended."""
    async with agent(channel, [Worker()]):
        await stage.send(asked := request())
        end = await stage.ended(asked)
        await stage.send(cancel(asked))
        await until(lambda: stage.about(asked).count(end) == 2)
    assert end.state is State.SUCCEEDED


async def test_a_cancel_for_another_server_stops_nothing(channel: Channel, stage: Stage) -> None:
    """The request of a broadcast has one id on all servers."""
    worker = Worker()
    async with agent(channel, [worker]):
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
        await stage.send(cancel(asked).model_copy(update={"host": "web-2"}))
        await stage.send(probe := request())
        await stage.ended(probe)
        worker.release.set()
        assert (await stage.ends(asked))[0] is State.SUCCEEDED


async def test_draining_lets_runs_end(channel: Channel, stage: Stage) -> None:
    """Within the drain time what runs goes on; what comes is left for the next life."""
    worker = Worker()
    async with agent(channel, [worker], drain=20.0) as manager:
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
        draining = asyncio.create_task(manager.drain(20.0))
        await until(lambda: manager._draining)
        await stage.send(later := request())
        worker.release.set()
        await draining
    assert (await stage.ends(asked))[0] is State.SUCCEEDED
    assert worker.started == [asked.id]
    async with agent(channel, [worker]):
        assert (await stage.ends(later))[0] is State.SUCCEEDED


async def test_draining_ends_the_rest_as_interrupted(channel: Channel, stage: Stage) -> None:
    """What does not end in time is stopped and says so."""
    worker = Worker()
    async with agent(channel, [worker]):
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
    assert await stage.ends(asked) == (State.INTERRUPTED, "the agent was stopped")
    assert worker.stopped == [asked.id]


async def test_without_a_journal_nothing_is_run(
    channel: Channel, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, with the reason; once the journal is there again, requests are run, and what an
    earlier life left open is reported first."""
    monkeypatch.setattr("baton.agent.manager.CATCH_UP_INTERVAL", 1000.0)
    (folder := tmp_path / "state").mkdir()
    left = request()
    journal = await SqliteJournal.open(folder / "j.sqlite")
    await journal.accept(left)
    await journal.close()
    folder.rename(tmp_path / "away")
    folder.write_text("in the way")
    worker, journal = Worker(), await SqliteJournal.open(folder / "j.sqlite")
    async with agent(channel, [worker], journal):
        await stage.send(asked := request())
        state, text = await stage.ends(asked)
        assert (state, worker.started) == (State.REFUSED, [])
        assert f"The journal {folder}/j.sqlite cannot be used" in text
        folder.unlink()
        (tmp_path / "away").rename(folder)
        await stage.send(asked := request())
        end = await stage.ended(asked)
        assert end.state is State.SUCCEEDED
        assert (await stage.ends(left))[0] is State.INTERRUPTED
        assert stage.heard.index(end) > stage.heard.index(await stage.ended(left))
    await journal.close()


async def test_a_running_run_is_not_refused_when_it_comes_again(
    channel: Channel, stage: Stage
) -> None:
    """A redelivery says nothing while its run is under way, even with the journal gone."""

    class Once(MemoryJournal):
        async def accept(self, asked: Request, final: Any = None) -> Entry | None:
            if self._entries:
                raise JournalUnavailable(path="journal", reason="full")
            return await super().accept(asked, final)

    worker = Worker()
    async with agent(channel, [worker], Once()):
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
        await stage.send(asked)
        await stage.send(probe := request())
        assert (await stage.ends(probe))[0] is State.REFUSED
        worker.release.set()
        assert (await stage.ends(asked))[0] is State.SUCCEEDED


async def test_what_is_handed_out_while_draining_is_given_back() -> None:
    """Not started, not lost: the next life takes it."""
    _, channel, stage = in_memory()
    await stage.listen()
    worker = Worker()
    async with agent(channel, [worker]) as manager:
        await manager.drain(0.0)
        await stage.send(asked := request())
        delivery = await first_of(channel, agent_queue(HOST))
        assert delivery is not None
        await manager._received(delivery)
    assert worker.started == []
    async with agent(channel, [worker]):
        assert (await stage.ends(asked))[0] is State.SUCCEEDED


async def test_discovery_is_passed_on(channel: Channel, stage: Stage) -> None:
    """A bot that asks who is there is heard by every agent."""
    asked = asyncio.Event()
    async with agent(channel, [Worker()], discover=asked.set):
        await stage.send(Discover(), "discover")
        await asyncio.wait_for(asked.wait(), 60)


async def test_broadcasts_reach_only_those_they_are_for(channel: Channel, stage: Stage) -> None:
    """An agent hears its own environment, and in it the apps that it runs."""
    server = Server("prod", HOST, ("shop", "shop.eu"))
    async with agent(channel, [Worker(server)]) as manager:
        assert manager.keys == [
            "host.web-1",
            "discover",
            "work.prod",
            "work.prod.shop",
            "work.prod.shop-eu",
        ]
