from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bot.leader import Leader
from bot.store import Store
from tests.bot.world import away
from tests.support.wait import until

LEASE = 2.0


class Candidate:
    """One who takes part, and when it began and ended leading."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.events: list[str] = []
        self.leader = Leader(
            store.leases, name, self._note("begin"), self._note("end"), seconds=LEASE
        )
        self.task = asyncio.create_task(self.leader.run())

    def _note(self, event: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            self.events.append(event)

        return note

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def crash(self) -> None:
        """End without giving anything back."""
        with away(self.store):
            await self.stop()


@pytest.fixture
async def other(store: Store, database: str) -> AsyncIterator[Store]:
    opened = await Store.open(database)
    yield opened
    await opened.close()


@pytest.fixture
async def two(store: Store, other: Store) -> AsyncIterator[tuple[Candidate, Candidate]]:
    first = Candidate(store, "first")
    await until(lambda: first.leader.leading)
    second = Candidate(other, "second")
    yield first, second
    for candidate in (first, second):
        await candidate.stop()


async def test_exactly_one_leads(two: tuple[Candidate, Candidate]) -> None:
    """For as long as it renews its lease nobody else does."""
    first, second = two
    end = time.monotonic() + 2 * LEASE
    await until(lambda: time.monotonic() > end, every=0.05)
    assert (first.events, second.events) == (["begin"], [])


async def test_an_orderly_stop_hands_over_at_once(two: tuple[Candidate, Candidate]) -> None:
    """What was begun is ended first, then the lease is given back."""
    first, second = two
    await first.stop()
    assert first.events == ["begin", "end"]
    await until(lambda: second.leader.leading)


async def test_a_crash_is_taken_over_when_the_lease_runs_out(
    two: tuple[Candidate, Candidate],
) -> None:
    """Not before, since it might be only slow; and not long after."""
    first, second = two
    await first.crash()
    crashed = time.monotonic()
    await until(lambda: second.leader.leading)
    assert time.monotonic() - crashed > LEASE * 0.4


async def test_who_cannot_renew_lets_go_before_another_begins(
    two: tuple[Candidate, Candidate],
) -> None:
    """A leader cut off from the database does not go on beside the next one."""
    first, second = two
    with away(first.store):
        await until(lambda: second.leader.leading)
        assert first.events == ["begin", "end"]
    assert not first.leader.leading


async def test_an_outage_of_the_database_splits_nobody(two: tuple[Candidate, Candidate]) -> None:
    """While it is away nobody leads for longer than a lease; then one does."""
    first, second = two
    with away(first.store), away(second.store):
        await until(lambda: not first.leader.leading)
        assert not second.leader.leading
    await until(lambda: first.leader.leading or second.leader.leading)
    assert not (first.leader.leading and second.leader.leading)


async def test_a_short_outage_changes_nothing(two: tuple[Candidate, Candidate]) -> None:
    """One renewal that fails is tried again within the lease."""
    first, second = two
    with away(first.store):
        await asyncio.sleep(LEASE / 3)
    end = time.monotonic() + LEASE
    await until(lambda: time.monotonic() > end, every=0.05)
    assert (first.events, second.events) == (["begin"], [])


async def test_a_database_that_never_answers_is_an_outage_too(store: Store) -> None:
    """A renewal that hangs does not keep a lease that has run out."""
    candidate = Candidate(store, "first")
    await until(lambda: candidate.leader.leading)

    async def hang(work: object) -> None:
        await asyncio.sleep(3600)

    database: Any = store._database
    database.write = hang
    await until(lambda: not candidate.leader.leading)
    assert candidate.events == ["begin", "end"]
    await candidate.stop()
