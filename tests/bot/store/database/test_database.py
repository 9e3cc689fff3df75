"""The database itself: locked, full, killed, gone and come back."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, create_subprocess_exec
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import URL, Connection, insert, make_url, text

from baton.bus.messages import State
from bot.store import DatabaseUnavailable, ForeignDatabase, Store
from bot.store.database import sqlite
from bot.store.database.transactions import LOCK_TIMEOUT
from bot.store.tables.job_tables import output
from tests.bot.store.build import T0, asked, deploy, entry, job_of, later, states, update
from tests.support.postgres import Postgres
from tests.support.wait import until


def test_a_new_file_is_opened_by_many_in_the_same_moment(tmp_path: Path) -> None:
    """Whoever comes while another is the first to change its journal waits for that."""
    with ThreadPoolExecutor(8) as threads:
        for number in range(100):
            url, together = make_url(f"sqlite:///{tmp_path}/{number}.db"), Barrier(8, timeout=60)

            def open_it(url: URL = url, together: Barrier = together) -> None:
                together.wait()
                engine = sqlite.engine(url, 1, "BEGIN IMMEDIATE")
                with engine.begin() as connection:
                    connection.execute(text("CREATE TABLE IF NOT EXISTS it (is_there INTEGER)"))
                engine.dispose()

            for opened in [threads.submit(open_it) for _ in range(8)]:
                opened.result()


async def test_the_ledger_is_for_the_bot_alone(tmp_path: Path) -> None:
    """It holds what people typed and what their servers answered: no other user may read it, nor
    what SQLite keeps beside it; one of an older Baton neither."""
    file = tmp_path / "ledger.sqlite"
    file.touch(0o644)
    store = await Store.open(f"sqlite:///{file}")
    names = os.listdir(tmp_path)
    assert "ledger.sqlite-wal" in names
    assert [name for name in names if os.stat(tmp_path / name).st_mode & 0o077] == []
    await store.close()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """That is not \"for the moment\"."""
    (tmp_path / "notes.txt").write_text("not a database, whatever its name says " * 99)
    with pytest.raises(ForeignDatabase, match="file is not a database"):
        await Store.open(f"sqlite:///{tmp_path}/notes.txt")


async def test_sqlite_locked_by_another_process(tmp_path: Path) -> None:
    """An ask fails with a clear error before the person's three seconds are over, reading goes on;
    once the lock is gone all works, and the failed ask left nothing."""
    store = await Store.open(f"sqlite:///{tmp_path}/baton.db")
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()\n"
    )
    child = await create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "baton.db"), stdin=PIPE, stdout=PIPE
    )
    try:
        assert child.stdout is not None
        await child.stdout.readline()
        new = deploy("web-1")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="another process keeps it locked"):
            await store.ledger.start_job(new, entry(new))
        assert LOCK_TIMEOUT < 2.5, "what is asked in chat is answered within 3 s"
        assert LOCK_TIMEOUT * 0.9 < time.monotonic() - began < 10
        assert await store.ledger.recent() == []

        await child.communicate(b"")
        await store.ledger.start_job(new, entry(new))
        assert len(await store.ledger.outbox()) == 1
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        await store.close()


async def test_sqlite_on_a_full_disk(tmp_path: Path) -> None:
    """When nothing more can be written the error says so, the transaction is undone whole, and
    later ones work again."""
    store = await Store.open(f"sqlite:///{tmp_path}/baton.db")
    database = store._database
    try:
        new = await asked(store, deploy("web-1"))

        def limit(connection: Connection, pages: int) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        await database.write(lambda connection: limit(connection, 1))
        long = [update(new, "web-1", n, State.RUNNING, text="x" * 50_000) for n in range(1, 41)]
        with pytest.raises(DatabaseUnavailable, match="its disk is full"):
            await store.ledger.apply_updates(
                [*long, update(new, "web-1", 41, State.SUCCEEDED)], later(2)
            )
        assert await states(store, new) == {"web-1": State.SENT}
        assert await store.ledger.output(new.job.id) == []

        await database.write(lambda connection: limit(connection, 1_000_000))
        await store.ledger.apply_updates(long, later(3))
        assert await states(store, new) == {"web-1": State.RUNNING}
    finally:
        await store.close()


async def test_a_transaction_that_fails_half_way_leaves_nothing(url: str) -> None:
    """What was written before the error is undone, and the connection is good for the next one."""
    store = await Store.open(url)
    try:
        new = await asked(store, deploy("web-1"))

        def half(connection: Connection) -> None:
            piece = dict.fromkeys(("ends", "lines", "sequence", "attempt"), 1)
            words = dict.fromkeys(("host", "level", "step", "text"), "x")
            row = {"job": new.job.id, "time": T0, **piece, **words}
            connection.execute(insert(output), [row])
            raise LookupError("half way")

        with pytest.raises(LookupError):
            await store._database.write(half)

        assert await store.ledger.output(new.job.id) == []
        await store.ledger.apply_updates([update(new, "web-1", 1, State.SUCCEEDED)], later(2))
        assert (await job_of(store, new)).closed == later(2)
    finally:
        await store.close()


WRITER = """
import asyncio, sys
from bot.store import Store
from tests.bot.store.build import deploy, entry

async def main():
    store = await Store.open(sys.argv[1])
    async def one():
        while True:
            new = deploy(*(f"web-{n}" for n in range(10)))
            await store.ledger.start_job(new, entry(new))
    await asyncio.gather(*(one() for _ in range(20)))

asyncio.run(main())
"""


async def test_kill_9_leaves_no_half_ask(url: str) -> None:
    """Of a bot that is killed while it writes, each ask is there whole or not at all."""
    store = await Store.open(url)
    try:
        for _ in range(3):
            before = len(await store.ledger.recent(100_000))
            child = await create_subprocess_exec(sys.executable, "-c", WRITER, url)

            async def written(before: int = before) -> bool:
                return len(await store.ledger.recent(before + 50)) > before + 20

            try:
                await until(written)
            finally:
                child.kill()
                await child.wait()

        def odd(connection: Connection) -> list[object]:
            counts = text(
                "SELECT id FROM jobs WHERE"
                " (SELECT count(*) FROM runs WHERE job = jobs.id) <> 10"
                " OR (SELECT count(*) FROM outbox WHERE job = jobs.id) <> 10"
                " OR (SELECT count(*) FROM audit WHERE job = jobs.id) <> 1"
            )
            return list(connection.execute(counts))

        assert await store._database.read(odd) == []
        await asked(store, deploy("web-1"))
    finally:
        await store.close()


async def test_postgres_goes_and_comes_back(postgres: Postgres, postgres_database: str) -> None:
    """While it is down every call says so soon; afterwards the same store works, without a
    restart."""
    store = await Store.open(postgres_database)
    try:
        await asyncio.gather(*(store.ping() for _ in range(8)))
        postgres.sql("CHECKPOINT", postgres_database.rpartition("/")[2])
        await postgres.kill()
        new = deploy("web-1")
        began = time.monotonic()
        for call in (store.ping(), store.ledger.start_job(new, entry(new)), store.ledger.outbox()):
            with pytest.raises(DatabaseUnavailable):
                await call
        assert time.monotonic() - began < 10

        await postgres.start()

        assert (await store.ledger.start_job(new, entry(new))).id == new.job.id
        await asyncio.gather(*(store.ping() for _ in range(8)))
    finally:
        await store.close()


async def test_connections_that_were_cut_are_replaced(
    postgres: Postgres, postgres_database: str
) -> None:
    """Connections that the server has ended are not handed to the next who asks."""
    store = await Store.open(postgres_database)
    try:
        await asyncio.gather(*(store.ping() for _ in range(8)))
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'baton'"
        )
        await asyncio.gather(*(store.ping() for _ in range(8)))
    finally:
        await store.close()


async def test_a_caller_that_gives_up_harms_nobody(url: str) -> None:
    """Calls that are cancelled half-way leave whole transactions and a store that works."""
    store = await Store.open(url)
    try:
        asks = [deploy("web-1", "web-2") for _ in range(50)]
        tasks = [asyncio.create_task(store.ledger.start_job(new, entry(new))) for new in asks]
        readers = [asyncio.create_task(store.ledger.recent()) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.wait([*tasks, *readers], timeout=0.002)
        for task in [*tasks, *readers]:
            task.cancel()
        await asyncio.gather(*tasks, *readers, return_exceptions=True)

        await asked(store, deploy("web-1"))

        assert all(len(runs) in (1, 2) for _, runs in await _all(store))
    finally:
        await store.close()


async def test_whoever_ends_all_tasks_leaves_no_connection_behind(postgres_database: str) -> None:
    """As the end of an event loop does it, at any moment of a transaction: also when a task that
    gives the connection back has not begun. What is found later would be ended by the garbage
    collector, and until then nobody can use it."""
    store = await Store.open(postgres_database)
    await store.ping()
    pool = store._database._engine.pool  # type: ignore[attr-defined]
    kept = asyncio.all_tasks()
    for steps in [*range(0, 200, 4), 100_000]:
        asking = asyncio.create_task(store.ping())
        for _ in range(steps):
            await asyncio.sleep(0)
            if asking.done() or asyncio.all_tasks() - kept - {asking}:
                break
        ended = asyncio.all_tasks() - kept
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        assert pool.checkedout() == 0, steps
    await store.close()


async def test_what_is_under_way_is_finished_before_it_closes(
    postgres: Postgres, postgres_database: str
) -> None:
    """And then no connection is left, though there were more asks than connections."""
    store = await Store.open(postgres_database)
    asks = [deploy("web-1") for _ in range(20)]
    tasks = [asyncio.create_task(store.ledger.start_job(new, entry(new))) for new in asks]
    readers = [asyncio.create_task(store.ledger.recent()) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks, *readers)
    name = postgres_database.rpartition("/")[2]
    left = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    await until(lambda: postgres.sql(left) == "0")


async def _all(store: Store) -> list[tuple[object, tuple[object, ...]]]:
    found = [await store.ledger.job(job.id) for job in await store.ledger.recent(100)]
    return [one for one in found if one is not None]
