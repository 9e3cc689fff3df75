"""The writer of a journal: its file, a thread of its own, and commits that several writes share."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

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


@dataclass(frozen=True, slots=True, eq=False)
class Change(Generic[R]):
    """A change is a statement that changes one row, as a rule: then many are done at once.

    `alone` does it for the parameters of one, and says what there is if no row was changed. It
    returns None if one was.
    """

    sql: str
    alone: Callable[[sqlite3.Connection, Sequence[Any]], R | None]


_Write = tuple[Change[Any] | None, Any]
"""A change with its parameters; or None with a job."""


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
        self._batcher: Batcher[_Write, Any] = Batcher(self._commit)
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
        result: R = await self._submit((None, job))
        return result

    async def change(self, change: Change[R], parameters: Sequence[Any]) -> R | None:
        """Make `change`; return what it returned once that is on disk. Raises
        JournalUnavailable."""
        result: R | None = await self._submit((change, parameters))
        return result

    async def _submit(self, write: _Write) -> Any:
        if self._closed:
            raise JournalUnavailable(self.path, "it is closed", "Start the agent again.")
        return await self._batcher.submit(write)

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

    async def _commit(self, writes: Sequence[_Write]) -> Sequence[Any]:
        struck, self._reported = self._reported, []
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._run, writes, struck
            )
        except JournalUnavailable:
            self._reported = struck + self._reported
            raise

    def _run(self, writes: Sequence[_Write], struck: Sequence[tuple[str, int]]) -> Sequence[Any]:
        """Do `writes` and one commit, in the journal's thread.

        The result of one that fails alone is a JournalUnavailable.
        """
        try:
            db = self._connection_now()
            self._begin(db, struck)
            results = self._together(db, writes)
            if results is None:
                db.execute("ROLLBACK")
                self._prune_at = 0.0
                self._begin(db, struck)
                results = [self._alone(db, write) for write in writes]
            db.execute("COMMIT")
        except (sqlite3.Error, OSError, WriteLost, NewerSchema) as error:
            self._disconnect()  # which rolls back; the next use finds out whether it is fixed
            raise journal_error(self.path, error) from error
        except BaseException:
            self._disconnect()
            raise
        return results

    def _begin(self, db: sqlite3.Connection, struck: Sequence[tuple[str, int]]) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE runs SET reported = 1 WHERE request = ? AND attempt = ?", struck)
        self._prune(db)

    def _together(self, db: sqlite3.Connection, writes: Sequence[_Write]) -> list[Any] | None:
        """Return what `writes` return, of which those that follow each other with the same change
        are one call; None if one of them is to be done alone, to learn what there is."""
        results: list[Any] = []
        for change, some in groupby(writes, key=itemgetter(0)):
            if change is None:
                results += [self._alone(db, write) for write in some]
                continue
            rows = [parameters for _, parameters in some]
            try:
                if db.executemany(change.sql, rows).rowcount != len(rows):
                    return None
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
                return None
            results += [None] * len(rows)
        return results

    def _alone(self, db: sqlite3.Connection, write: _Write) -> Any:
        """Return what `write` returns.

        One that the tables refuse has written nothing: SQLite takes back a statement that breaks a
        constraint, and the others of the commit go on.
        """
        change, given = write
        try:
            return given(db) if change is None else change.alone(db, given)
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            return journal_error(self.path, error)
        except WriteLost as error:
            if change is None:
                raise
            return journal_error(self.path, error)  # its row is gone: the others are not

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
