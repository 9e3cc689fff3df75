"""SQLite: each transaction is one hop to a thread, not one for each statement.

Through SQLAlchemy's asyncio layer over aiosqlite an ask of four inserts takes 2.8 ms, most of it in
switching threads; this way it takes 0.6 ms. One thread writes, so that our own writers never wait
for a lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from typing_extensions import override

from baton.private_file import make_private
from bot.store.database.transactions import (
    LOCK_TIMEOUT,
    Database,
    Heard,
    Notifier,
    Work,
    unavailable_error,
)

T = TypeVar("T")

_READERS = 2
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


class Sqlite(Database):
    """The SQLite file of `url`. Other processes may use it at the same time."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._reader = engine(url, _READERS, "BEGIN")
        self._writer = engine(url, 1, "BEGIN IMMEDIATE")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-write")

    @override
    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds, in one consistent view."""
        return await self._run(self._reading, self._reader, work)

    @override
    async def write(self, work: Work[T]) -> T:
        """Do `work` in one transaction."""
        return await self._run(self._writing, self._writer, work)

    @override
    def notifier(self, heard: Heard) -> Notifier | None:
        """Return None: SQLite tells other processes nothing."""
        return None

    @override
    async def close(self) -> None:
        """Finish what is under way and close the file."""
        await asyncio.to_thread(self._close)

    async def _run(self, executor: Executor, using: Engine, work: Work[T]) -> T:
        def transaction() -> T:
            with using.begin() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(executor, transaction)
        except Exception as error:
            known = unavailable_error(self.url, error)
            if known is None:
                raise
            raise known from error

    def _close(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._reader.dispose()
        self._writer.dispose()


def engine(url: URL, connections: int, begin: str) -> Engine:
    """Return an engine with so many connections to the file, whose transactions start with
    `begin`."""
    # a transaction is always ended where it began, so there is nothing to reset afterwards
    made = create_engine(
        url, hide_parameters=True, pool_size=connections, pool_reset_on_return=None
    )

    @event.listens_for(made, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        # the driver's own BEGIN comes too late for schema changes and reads: we send it ourselves
        connection.isolation_level = None
        make_private(Path(url.database or ""))
        for pragma in (f"busy_timeout = {round(LOCK_TIMEOUT * 1000)}", *_PRAGMAS):
            _set(connection, pragma)

    @event.listens_for(made, "begin")
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Set `pragma`, also while others open the same new file: SQLite does not always wait for the
    lock that the first change of the journal needs, whatever the timeout is."""
    until = time.monotonic() + LOCK_TIMEOUT / 2
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}").close()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
