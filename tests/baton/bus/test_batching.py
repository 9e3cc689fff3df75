"""Commits that are shared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from baton.bus import batching
from baton.bus.batching import Batcher
from tests.support.wait import until


class Disk:
    """Writes batches when it is let, and keeps them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()

    async def write(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        await self.free.wait()
        if 13 in items:
            raise OSError("full")
        return [ValueError(item) if item < 0 else item * 10 for item in items]


async def test_what_comes_meanwhile_shares_the_next_batch() -> None:
    """The first goes at once and alone; all that come while it is written go together, in
    order."""
    disk = Disk()
    disk.free.clear()
    batcher = Batcher(disk.write)
    first = asyncio.create_task(batcher.submit(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(batcher.submit(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    disk.free.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20, 30, 40, 50]
    assert disk.batches == [[0], [1, 2, 3, 4, 5]]
    await batcher.drained()


async def test_who_goes_on_at_once_shares_the_next_batch() -> None:
    """What was written goes on with the next step, beside what came meanwhile."""
    disk = Disk()
    batcher = Batcher(disk.write)

    async def two_steps(number: int) -> None:
        await batcher.submit(number)
        await batcher.submit(number + 10)

    disk.free.clear()
    steps = [asyncio.create_task(two_steps(1))]
    await until(lambda: disk.batches)
    steps.append(asyncio.create_task(two_steps(2)))
    await asyncio.sleep(0)
    disk.free.set()
    await asyncio.gather(*steps)
    assert disk.batches == [[1], [2, 11], [12]]


async def test_no_batch_is_larger_than_the_most() -> None:
    """A flood is cut into pieces, none lost."""
    disk = Disk()
    batcher = Batcher(disk.write, most=4)
    assert await asyncio.gather(*map(batcher.submit, range(10))) == [*range(0, 100, 10)]
    assert [len(batch) for batch in disk.batches] == [4, 4, 2]


async def test_an_item_fails_alone() -> None:
    """A result that is an error is raised to its submitter, and to nobody else."""
    batcher = Batcher(Disk().write)
    good, bad = await asyncio.gather(batcher.submit(1), batcher.submit(-1), return_exceptions=True)
    assert good == 10
    assert isinstance(bad, ValueError)


async def test_a_batch_fails_as_a_whole() -> None:
    """What the flush raises is raised to each; the next batch is none the worse for it."""
    batcher = Batcher(Disk().write)
    results = await asyncio.gather(batcher.submit(1), batcher.submit(13), return_exceptions=True)
    assert [str(result) for result in results] == ["full", "full"]
    assert await batcher.submit(2) == 20


async def test_who_gives_up_does_not_disturb_the_others() -> None:
    """A cancelled submitter leaves its item in the batch."""
    disk = Disk()
    disk.free.clear()
    batcher = Batcher(disk.write)
    gone, staying = (asyncio.create_task(batcher.submit(number)) for number in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    disk.free.set()
    assert await staying == 20
    assert disk.batches == [[1, 2]]
    await batcher.drained()


class Away(Exception):
    """The disk is away."""


async def test_a_batch_is_tried_again_while_what_it_needs_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes meanwhile stays behind it."""
    monkeypatch.setattr(batching, "RETRY_DELAY", 0.001)
    tries: list[list[int]] = []

    async def write(items: Sequence[int]) -> Sequence[int]:
        tries.append(list(items))
        if len(tries) < 3:
            raise Away
        return items

    batcher = Batcher(write, retry_on=Away)
    first = asyncio.create_task(batcher.submit(1))
    await until(lambda: tries)
    second = asyncio.create_task(batcher.submit(2))
    assert [await first, await second] == [1, 2]
    assert tries == [[1], [1], [1], [2]]


async def test_who_stops_waits_for_nothing_that_is_away() -> None:
    """The batch fails, and so does the next: what is not written goes back to where it came
    from."""

    async def write(_: Sequence[int]) -> Sequence[int]:
        raise Away

    batcher = Batcher(write, retry_on=Away)
    waiting = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    await batcher.stop()
    with pytest.raises(Away):
        await waiting
    with pytest.raises(Away):
        await batcher.submit(2)
