"""Final words arrive, over crashes and without a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.agent.journal import SqliteJournal
from baton.bus.channel import Channel
from baton.bus.messages import LAST_SEQUENCE, State
from tests.baton.stage import Stage, Worker, agent, in_memory, request
from tests.support.buses import Bus
from tests.support.wait import until


async def test_what_runs_is_known_after_a_crash(bus: Bus, stage: Stage, tmp_path: Path) -> None:
    """A journaled run that was under way is reported `interrupted`, past all that it said; it is
    not started again, and reported once only."""
    asked = request("wait")
    journal = await SqliteJournal.open(tmp_path / "j.sqlite")
    assert await journal.accept(asked) is None
    await journal.close()  # as a crash: accepted, and no word of it
    worker = Worker()
    for _ in range(2):
        channel, journal = await bus.open(), await SqliteJournal.open(tmp_path / "j.sqlite")
        async with agent(channel, [worker], journal):
            await stage.send(asked)
            await stage.send(probe := request())
            await stage.ended(probe)
        await channel.close()
        await journal.close()
    ends = [update for update in stage.about(asked) if update.state.final]
    assert {(end.state, end.sequence) for end in ends} == {(State.INTERRUPTED, LAST_SEQUENCE)}
    assert len({end.id for end in ends}) == 1
    assert asked.id not in worker.started


async def test_what_the_bus_has_is_struck_off(
    channel: Channel, stage: Stage, tmp_path: Path
) -> None:
    """A final word that arrived is not said again by the next life."""
    journal = await SqliteJournal.open(tmp_path / "j.sqlite")
    async with agent(channel, [Worker()], journal):
        for asked in (request(), request("talk"), request(command="other")):
            await stage.send(asked)
            await stage.ended(asked)
    await journal.close()
    journal = await SqliteJournal.open(tmp_path / "j.sqlite")
    assert await journal.open_entries() == []
    await journal.close()


async def test_a_final_word_that_did_not_arrive_is_said_by_the_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done while the bus was away, and the agent ended before it came back."""
    monkeypatch.setattr("baton.agent.manager.FLUSH_TIMEOUT", 0.05)
    bus, channel, stage = in_memory()
    await stage.listen()
    worker, journal = Worker(), await SqliteJournal.open(tmp_path / "j.sqlite")
    async with agent(channel, [worker], journal, drain=10.0):
        await stage.send(asked := request("wait"))
        await until(lambda: worker.started)
        bus.down()
        worker.release.set()
    await journal.close()
    assert stage.end(asked) is None
    bus.up()
    journal = await SqliteJournal.open(tmp_path / "j.sqlite")
    async with agent(channel, [worker], journal):
        assert (await stage.ends(asked))[0] is State.SUCCEEDED
    await journal.close()
    assert worker.started == [asked.id]


@pytest.mark.slow
async def test_a_journal_that_comes_late_is_read_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier life left open is not reported only when the next request comes."""
    monkeypatch.setattr("baton.agent.manager.CATCH_UP_INTERVAL", 0.02)
    _, channel, stage = in_memory()
    await stage.listen()
    first = await SqliteJournal.open(tmp_path / "j.sqlite")
    await first.accept(left := request())
    journal = await SqliteJournal.open(tmp_path / "j.sqlite")  # the first has it still
    async with agent(channel, [Worker()], journal):
        assert stage.end(left) is None
        await first.close()
        assert (await stage.ends(left))[0] is State.INTERRUPTED
    await journal.close()
