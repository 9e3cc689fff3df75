"""Jobs that are blocked: they wait on the bus, are looked at again, and end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baton.bus.channel import Envelope
from baton.bus.exchanges import PARKED, work_queue
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import ENDS_WITHIN, State, encode
from baton.errors import Unconfirmed
from baton.worker.incoming import read
from baton.worker.parking import can_revoke, said_of, tier_of
from tests.baton.worker.world import Stage, request
from tests.support.wait import until


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.listen()
    return made


async def _empty(stage: Stage) -> bool:
    return await stage.channel.depth(work_queue("reports")) == 0


def test_tiers_grow_and_stay() -> None:
    """5 s, 30 s, 2 min, then 10 min each time; and that is what people read."""
    assert [tier_of(look).seconds for look in (1, 2, 3, 4, 5, 99)] == [5, 30, 120, 600, 600, 600]
    assert said_of("no paper", 3) == "blocked: no paper; next look in 2 min"


def test_a_copy_is_revoked_only_while_its_tier_holds_it() -> None:
    """With a margin; a clock that was set back proves nothing."""
    assert [can_revoke(1, since) for since in (0, 3.9, 4.0, 60, -1)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert can_revoke(4, 500)


def test_a_parked_job_comes_back_as_it_was() -> None:
    """The ledger counts from when it began, however often it was looked at since: a job that forgot
    that would be called lost."""
    body = encode(request())
    first = read(Envelope(body), "reports", "report", "prod")
    parked = first.parked(2, 7, 1_764_000_000.25)
    again = read(parked.envelope(), "reports", "report", "prod")
    assert (again.id, again.look, again.sequence) == (first.id, 2, 7)
    assert again.since == 1_764_000_000


async def test_a_blocked_job_says_when_it_is_looked_at_next(stage: Stage) -> None:
    """It waits in the tiers of the bus, each longer than the one before; any worker looks again;
    its updates go on counting, and the ledger hears how long it may take."""
    async with stage.working() as life, stage.working("worker.b") as other:
        life.runner.blocked = other.runner.blocked = {"block": 1}
        asked = await stage.ask("block")
        await until(lambda: len(stage.updates[asked.id]) == 2)
        said = stage.updates[asked.id][-1]
        assert said.state is State.RUNNING
        assert said.text == "blocked: waits for the printer; next look in 5 s"
        ends_within = said.facts[ENDS_WITHIN]
        assert isinstance(ends_within, float)
        assert ends_within > 3600 + 5
        await until(lambda: not life.service.taking.active and not other.service.taking.active)
        looked = len(life.runner.started) + len(other.runner.started)
        stage.time.advance(5.1)
        await until(lambda: len(life.runner.started) + len(other.runner.started) > looked)
        await until(lambda: not life.service.taking.active and not other.service.taking.active)
        stage.time.advance(31)  # the other worker may have found it blocked too
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.SUCCEEDED, "block done")
        sequences = [each.sequence for each in stage.updates[asked.id]]
        assert sequences == sorted(set(sequences))


async def test_a_job_that_stays_blocked_ends_so(stage: Stage) -> None:
    """After as many looks as its runner allows: 5 s, 30 s, 2 min, then 10 min apart."""
    async with stage.working(runner={"looks": 5}) as life:
        asked = await stage.ask("block")
        for looks, seconds in enumerate((5, 30, 120, 600, 600), 1):
            await until(lambda looks=looks: len(life.runner.started) == looks)  # type: ignore[misc]
            await until(lambda: not life.service.taking.active)
            assert stage.end(asked) is None
            stage.time.advance(seconds + 0.1)
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.BLOCKED, "waits for the printer (looked 6 times)")
        said = [each.text for each in stage.updates[asked.id] if "next look" in each.text]
        assert [text.rpartition(" in ")[2] for text in said] == [
            "5 s",
            "30 s",
            "2 min",
            "10 min",
            "10 min",
        ]


async def test_a_parked_job_is_cancelled_at_once(stage: Stage) -> None:
    """Also before a worker that never heard of the order: its claim is gone."""
    async with stage.working() as life:
        asked = await stage.ask("block")
        await until(lambda: life.runner.started)
        await until(lambda: not life.service.taking.active)
        await stage.cancel(asked)
        await until(lambda: stage.end(asked))
        assert stage.end(asked) == (State.CANCELLED, "cancelled by ann")
    async with stage.working("worker.new") as new:
        stage.time.advance(6)
        await until(lambda: _empty(stage))
        await until(lambda: not new.service.taking.active)
        assert not new.runner.started


async def test_blocked_jobs_outlive_restarts(stage: Stage) -> None:
    """A worker that was killed while jobs are parked, and one that takes its place, do each once
    they are not blocked any more."""
    life = await stage.worker(runner={"concurrency": 10})
    asked = [await stage.ask("block") for _ in range(10)]
    await until(lambda: len(life.runner.started) == 10)
    await until(lambda: not life.service.taking.active)
    await life.kill()
    stage.time.advance(6)
    async with stage.working("worker.b", runner={"concurrency": 10}) as other:
        other.runner.blocked = {"block": 0}
        await until(lambda: all(stage.end(each) for each in asked))
        assert len(other.runner.started) == 10
    assert {stage.end(each) for each in asked} == {(State.SUCCEEDED, "block done")}


async def test_a_parked_job_whose_confirm_was_lost_is_looked_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first copy is revoked while its tier holds it, and only the second one is looked at."""
    publish = MemoryChannel.publish
    lost = 0

    async def unconfirmed(
        channel: MemoryChannel, exchange: str, key: str, sent: Envelope, **how: Any
    ) -> None:
        nonlocal lost
        await publish(channel, exchange, key, sent, **how)
        if exchange == PARKED:
            lost += 1
            if lost == 1:
                raise Unconfirmed(key=key, exchange=exchange, reason="cut")

    monkeypatch.setattr(MemoryChannel, "publish", unconfirmed)
    async with stage.working() as life, stage.working("worker.b") as other:
        asked = await stage.ask("block")
        await until(lambda: lost == 2)
        await until(lambda: not life.service.taking.active and not other.service.taking.active)
        life.runner.blocked = other.runner.blocked = {"block": 0}
        stage.time.advance(31)  # both copies come
        await until(lambda: stage.end(asked))
        await until(lambda: not life.service.taking.active and not other.service.taking.active)
        assert len(life.runner.started) + len(other.runner.started) == 2
        assert len(stage.ends(asked)) == 1


async def test_a_parked_job_that_may_be_on_its_way_is_not_parked_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its tier may have let it go nobody can know, and that is what is said."""

    async def unconfirmed(
        channel: MemoryChannel, exchange: str, key: str, *rest: Any, **how: Any
    ) -> None:
        if exchange == PARKED:
            raise Unconfirmed(key=key, exchange=exchange, reason="cut")
        await publish(channel, exchange, key, *rest, **how)

    publish = MemoryChannel.publish
    monkeypatch.setattr(MemoryChannel, "publish", unconfirmed)
    monkeypatch.setattr("baton.worker.parking.MARGIN", 5.0)
    async with stage.working():
        asked = await stage.ask("block")
        await until(lambda: stage.end(asked))
        (end,) = stage.ends(asked)
        assert end.state is State.INTERRUPTED
        assert "did not confirm" in end.text
