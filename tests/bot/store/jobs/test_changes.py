"""Who watches jobs is told which have changed, by this bot and by others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, text

from baton.bus.messages import State
from bot.store import Store
from bot.store.database import notifications
from bot.store.database.notifications import Notifications
from tests.bot.store.build import BEN, T0, asked, deploy, later, update
from tests.support.wait import until


class Ears:
    """Hears the changes of one store."""

    def __init__(self, store: Store) -> None:
        self.heard: list[str] = []
        self.stop = store.ledger.changes.subscribe(self._hear)

    def _hear(self, ids: Collection[str]) -> None:
        self.heard += ids

    def take(self) -> list[str]:
        taken, self.heard = self.heard, []
        return taken


async def test_each_commit_is_told(store: Store) -> None:
    """Whatever changes a job tells its id once it is committed; what changes nothing tells
    nothing."""
    ears = Ears(store)
    new = deploy("web-1", "web-2")
    job = new.job.id
    await asked(store, new, sent=False)
    assert ears.take() == [job]
    await asked(store, new)
    assert ears.take() == [job, job]
    said = update(new, "web-1", 1, State.RUNNING, text="x")
    await store.ledger.apply_updates([said], later(2))
    assert ears.take() == [job]
    await store.ledger.apply_updates([said], later(2))
    assert ears.take() == []
    await store.ledger.cancel(job, BEN, later(3))
    assert ears.take() == [job]
    await store.ledger.close_overdue(later(5000), T0)
    assert ears.take() == [job]
    ears.stop()
    await store.ledger.cancel(job, BEN, later(4))
    assert ears.heard == []


@pytest.fixture
async def two_bots(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Store, Store]]:
    """The stores of two bots on PostgreSQL that hear each other."""
    monkeypatch.setattr(notifications, "RETRY_SECONDS", (0.05, 0.1))
    stores = [await Store.open(postgres_database) for _ in range(2)]
    for store in stores:
        assert store.ledger.changes.others is not None
        store.ledger.changes.others.start()
    for store in stores:
        await connected(store)
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


async def connected(store: Store) -> None:
    """Return once `store` hears others."""
    others = store.ledger.changes.others
    assert isinstance(others, Notifications)
    await others.connected.wait()


async def test_other_bots_hear_it(two_bots: tuple[Store, Store]) -> None:
    """On PostgreSQL a bot hears at once what another one has changed, and its own changes once."""
    one, two = two_bots
    ours, theirs = Ears(one), Ears(two)
    jobs = {(await asked(one, deploy("web-1"), sent=False)).job.id for _ in range(5)}
    await until(lambda: {*theirs.heard} == jobs)
    assert sorted(ours.heard) == sorted(jobs)


async def test_no_statement_waits_for_ever(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server that says nothing more each statement ends, LISTEN too."""
    monkeypatch.setattr(notifications, "CONNECT_TIMEOUT", 1.0)
    others = Notifications(
        make_url(postgres_database).set(drivername="postgresql+asyncpg"), lambda _: None
    )
    raw = await others._engine.raw_connection()
    connection: Any = raw.driver_connection
    with pytest.raises(TimeoutError):
        await connection.fetch("SELECT pg_sleep(600)")
    raw.invalidate()
    await others.close()


async def test_a_lost_connection_comes_back(two_bots: tuple[Store, Store]) -> None:
    """When PostgreSQL ends the connections, both bots connect again and hear each other."""
    one, two = two_bots
    theirs = Ears(two)

    def kill(connection: Connection) -> int:
        rows = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "application_name = 'baton notifications' AND datname = current_database()"
            )
        )
        return len(rows.all())

    assert await one._database.write(kill) == 2

    async def heard() -> bool:
        job = (await asked(one, deploy("web-1"), sent=False)).job.id
        await until(lambda: job in theirs.heard, timeout=0.5)
        return True

    async def again() -> bool:
        try:
            return await heard()
        except AssertionError:
            return False

    await until(again)


async def test_many_ids_at_once(two_bots: tuple[Store, Store]) -> None:
    """More than one notification may hold arrive all the same."""
    one, two = two_bots
    theirs = Ears(two)
    ids = {f"{number:016}" for number in range(2_000)}
    one.ledger.changes.announce(ids)
    await until(lambda: {*theirs.heard} == ids)
