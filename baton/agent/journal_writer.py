"""The writer of a journal: its file, a thread of its own, and commits that several writes share."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog

from baton.agent.journal_file import (
    NewerSchema,
    Schema,
    WriteLost,
    file_identity,
    journal_error,
    open_file,
)
from baton.bus.batching import Batcher
from baton.bus.exchanges import WEEK
from baton.bus.messages import now
from baton.errors import JournalUnavailable

R = TypeVar("R")

_Job = Callable[[sqlite3.Connection], Any]

log = structlog.get_logger(__name__)

RETENTION = timedelta(seconds=WEEK)
"""How long an entry is kept: as long as the inbox of an absent agent, which is how late a message
can come. What was not reported is kept for longer."""
PRUNE_INTERVAL = timedelta(hours=1)

MARK_DELAY = 1.0
"""Seconds within which it is written that a final report was confirmed."""


class JournalWriter:
    """Writes the journal at `path`, whose table `runs` has the columns `request`, `attempt`,
    `accepted` and `reported`, by a thread of its own. Writes that wait for the disk share one
    commit."""

    def __init__(self, path: Path, schema: Schema, clock: Callable[[], datetime] = now) -> None:
        self.path = path
        self._schema = schema
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._batcher: Batcher[_Job, Any] = Batcher(self._commit)
        self._reported: list[tuple[str, int]] = []
        self._mark_timer: asyncio.TimerHandle | None = None
        self._marking: asyncio.Task[None] | None = None
        self._prune_at = 0.0
        self.forgotten = 0.0
        """When the last request came that was deleted from the journal, in seconds since 1970: what
        was sent before may have been here."""
        self._closed = False

    async def write(self, job: Callable[[sqlite3.Connection], R]) -> R:
        """Do `job` in the thread, and return what it returned once that is on disk.

        Raises JournalUnavailable.
        """
        if self._closed:
            raise JournalUnavailable(self.path, "it is closed", "Start the agent again.")
        result: R = await self._batcher.submit(job)
        return result

    def mark_reported(self, request: str, attempt: int) -> None:
        """Note that a run was reported: with the next commit, at the latest after MARK_DELAY."""
        self._reported.append((request, attempt))
        if self._mark_timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._mark_timer = loop.call_later(MARK_DELAY, self._start_marking)

    async def close(self) -> None:
        """Write what waits, and close."""
        if self._closed:
            return
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        with contextlib.suppress(JournalUnavailable):
            await self.write(lambda db: None)  # takes along what is struck off
        self._closed = True
        await self._batcher.drained()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=True)

    def _start_marking(self) -> None:
        self._mark_timer = None
        if self._reported:
            self._marking = asyncio.create_task(self._mark_all())

    async def _mark_all(self) -> None:
        with contextlib.suppress(JournalUnavailable):  # with the next commit, then
            await self.write(lambda db: None)

    async def _commit(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        struck, self._reported = self._reported, []
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._run_jobs, jobs, struck
            )
        except JournalUnavailable:
            self._reported = struck + self._reported
            raise

    def _run_jobs(self, jobs: Sequence[_Job], struck: Sequence[tuple[str, int]]) -> Sequence[Any]:
        """Do `jobs` and one commit, in the journal's thread.

        The result of a job that fails alone is a JournalUnavailable.
        """
        try:
            db = self._connection_now()
            db.execute("BEGIN IMMEDIATE")
            db.executemany("UPDATE runs SET reported = 1 WHERE request = ? AND attempt = ?", struck)
            self._prune(db)
            results = [self._run_job(db, job) for job in jobs]
            db.execute("COMMIT")
        except (sqlite3.Error, OSError, WriteLost, NewerSchema) as error:
            self._disconnect()  # which rolls back; the next use finds out whether it is fixed
            raise journal_error(self.path, error) from error
        except BaseException:
            self._disconnect()
            raise
        return results

    def _run_job(self, db: sqlite3.Connection, job: _Job) -> Any:
        """Return what `job` returns.

        One that the tables refuse has written nothing: SQLite takes back a statement that breaks a
        constraint, and the other jobs of the commit go on.
        """
        try:
            return job(db)
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            return journal_error(self.path, error)

    def _prune(self, db: sqlite3.Connection) -> None:
        """Delete what is older than RETENTION and was reported, every PRUNE_INTERVAL."""
        at = self._clock().timestamp()
        if at >= self._prune_at:
            limit = at - RETENTION.total_seconds()
            db.execute(
                "INSERT INTO marks SELECT 'forgotten', MAX(accepted) FROM runs"
                " WHERE reported = 1 AND accepted < ? HAVING MAX(accepted) IS NOT NULL"
                " ON CONFLICT (name) DO UPDATE SET at = MAX(at, excluded.at)",
                (limit,),
            )
            db.execute("DELETE FROM runs WHERE reported = 1 AND accepted < ?", (limit,))
            found = db.execute("SELECT at FROM marks WHERE name = 'forgotten'").fetchone()
            self.forgotten = found[0] if found else 0.0
            self._prune_at = at + PRUNE_INTERVAL.total_seconds()

    def _connection_now(self) -> sqlite3.Connection:
        """Return the connection to the file at our path, which somebody may have moved away
        meanwhile."""
        if self._connection is not None and file_identity(self.path) != self._opened:
            log.error("the journal was moved or removed while it was in use", path=str(self.path))
            self._disconnect()
        if self._connection is None:
            self._connection = open_file(self.path, self._schema)
            self._opened = file_identity(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
