"""The journal holds what this agent accepted, and how it ended.

A request is on disk here before it is acknowledged, so that it starts at most once, whatever
RabbitMQ redelivers and whatever restarts. A closing message is on disk before it is sent, so that
it is not lost with the connection. Writes that wait for the disk share one commit. What is written
is read back before it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from typing_extensions import override

from baton.agent.journal_file import NewerSchema, WriteLost, file_identity, journal_error, open_file
from baton.bus.batching import Batcher
from baton.bus.exchanges import WEEK
from baton.bus.messages import Cancel, Message, Request, decode, encode, now
from baton.errors import InvalidMessage, JournalUnavailable

R = TypeVar("R")

_Job = Callable[[sqlite3.Connection], Any]
_Row = tuple[bytes | None, bytes | None]

log = structlog.get_logger(__name__)

RETENTION = timedelta(seconds=WEEK)
"""How long an entry is kept: as long as the inbox of an absent agent, which is how late a message
can come. What was not reported is kept for longer."""
PRUNE_INTERVAL = timedelta(hours=1)

MARK_DELAY = 1.0
"""Seconds within which it is written that a final report was confirmed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry is what the journal knows about a request.

    It has neither `request` nor `final` if the request was cancelled before it arrived.
    """

    request: Request | None
    final: Message | None

    @property
    def cancelled(self) -> bool:
        """Return whether a cancel arrived first."""
        return self.request is None


class Journal(Protocol):
    """A journal remembers what an agent must not forget."""

    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        """Remember `request`, as ended if `final` is given.

        Returns None if it is new, else what is known about it. Raises JournalUnavailable if it
        cannot be remembered: then it must not start.
        """

    async def record_cancel(self, cancel: Cancel) -> Entry | None:
        """Remember that a request must not start.

        Returns None if it has not arrived yet, else what is known about it.
        """

    async def record_end(self, request: str, attempt: int, final: Message) -> None:
        """Remember how a run ended, until that is reported."""

    def mark_reported(self, request: str, attempt: int) -> None:
        """Remember that RabbitMQ has the closing message.

        It is written soon, not at once: if that is lost, the message is sent once more.
        """

    async def open_entries(self) -> Sequence[Entry]:
        """Return what was running, or had ended and was not reported, when the agent last
        stopped."""

    async def close(self) -> None:
        """Write what waits, and close."""


class SqliteJournal(Journal):
    """This journal is a SQLite file, written by a thread of its own.

    The file belongs to one process at a time: a second agent, started by mistake, would report the
    runs of the first as interrupted. It finds the journal unavailable until the first has ended.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        self.path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._batcher: Batcher[_Job, Any] = Batcher(self._commit)
        self._reported: list[tuple[str, int]] = []
        self._mark_timer: asyncio.TimerHandle | None = None
        self._marking: asyncio.Task[None] | None = None
        self._prune_at = 0.0
        self._closed = False

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime] = now) -> SqliteJournal:
        """Return the journal at `path`; it is made if it does not exist.

        A journal that cannot be opened yet is tried again at each use.
        """
        journal = cls(path, clock)
        with contextlib.suppress(JournalUnavailable):  # each accept() says so to the one who asks
            await journal._write(lambda db: None)
        return journal

    @override
    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        row = (
            request.id,
            request.attempt,
            self._clock().timestamp(),
            encode(request),
            encode(final) if final else None,
        )
        return await self._insert(row, reported=False, unreadable=Entry(request, None))

    @override
    async def record_cancel(self, cancel: Cancel) -> Entry | None:
        row = (cancel.request, cancel.attempt, self._clock().timestamp(), None, None)
        return await self._insert(row, reported=True, unreadable=Entry(None, None))

    @override
    async def record_end(self, request: str, attempt: int, final: Message) -> None:
        body, key = encode(final), (request, attempt)

        def write(db: sqlite3.Connection) -> None:
            changed = db.execute(
                "UPDATE runs SET final = ? WHERE request = ? AND attempt = ? AND final IS NULL",
                (body, *key),
            ).rowcount
            found = _found(db, key)
            if found is None or found[1] is None or (changed and found[1] != body):
                raise WriteLost(f"the end of the run {request} is not in it")

        await self._write(write)

    @override
    def mark_reported(self, request: str, attempt: int) -> None:
        """Write it with the next commit, at the latest after MARK_DELAY."""
        self._reported.append((request, attempt))
        if self._mark_timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._mark_timer = loop.call_later(MARK_DELAY, self._start_marking)

    @override
    async def open_entries(self) -> Sequence[Entry]:
        """Return the open entries. One that cannot be read is logged and left out."""

        def read(db: sqlite3.Connection) -> list[_Row]:
            return db.execute(
                "SELECT body, final FROM runs WHERE reported = 0 ORDER BY accepted"
            ).fetchall()

        return [entry for row in await self._write(read) if (entry := _read(row)) is not None]

    @override
    async def close(self) -> None:
        if self._closed:
            return
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        with contextlib.suppress(JournalUnavailable):
            await self._write(lambda db: None)  # takes along what is struck off
        self._closed = True
        await self._batcher.drained()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=True)

    async def _insert(
        self,
        row: tuple[str, int, float, bytes | None, bytes | None],
        *,
        reported: bool,
        unreadable: Entry,
    ) -> Entry | None:
        """Insert a row (request, attempt, accepted, body, final).

        Returns None if it is new, else what is known.
        """

        def write(db: sqlite3.Connection) -> _Row | None:
            # only the key may be there already: any other violation is an error
            new = db.execute(
                "INSERT INTO runs (request, attempt, accepted, body, final, reported)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (request, attempt) DO NOTHING",
                (*row, reported),
            ).rowcount
            found = _found(db, row[:2])
            if found is None or (new and found != row[3:]):
                raise WriteLost(f"the request {row[0]} was written and is not in it")
            return None if new else found

        known = await self._write(write)
        return None if known is None else _read(known) or unreadable

    async def _write(self, job: Callable[[sqlite3.Connection], R]) -> R:
        if self._closed:
            raise JournalUnavailable(self.path, "it is closed", "Start the agent again.")
        result: R = await self._batcher.submit(job)
        return result

    def _start_marking(self) -> None:
        self._mark_timer = None
        if self._reported:
            self._marking = asyncio.create_task(self._mark_all())

    async def _mark_all(self) -> None:
        with contextlib.suppress(JournalUnavailable):  # with the next commit, then
            await self._write(lambda db: None)

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
            db.execute("DELETE FROM runs WHERE reported = 1 AND accepted < ?", (limit,))
            self._prune_at = at + PRUNE_INTERVAL.total_seconds()

    def _connection_now(self) -> sqlite3.Connection:
        """Return the connection to the file at our path, which somebody may have moved away
        meanwhile."""
        if self._connection is not None and file_identity(self.path) != self._opened:
            log.error("the journal was moved or removed while it was in use", path=str(self.path))
            self._disconnect()
        if self._connection is None:
            self._connection = open_file(self.path)
            self._opened = file_identity(self.path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _found(db: sqlite3.Connection, key: tuple[str, int]) -> _Row | None:
    found: _Row | None = db.execute(
        "SELECT body, final FROM runs WHERE request = ? AND attempt = ?", key
    ).fetchone()
    return found


class MemoryJournal(Journal):
    """This journal ends with the process: it is for tests and measurements, never for a server."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Entry] = {}

    @override
    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        return self._remember((request.id, request.attempt), Entry(request, final))

    @override
    async def record_cancel(self, cancel: Cancel) -> Entry | None:
        return self._remember((cancel.request, cancel.attempt), Entry(None, None))

    def _remember(self, key: tuple[str, int], entry: Entry) -> Entry | None:
        known = self._entries.get(key)
        if known is None:
            self._entries[key] = entry
        return known

    @override
    async def record_end(self, request: str, attempt: int, final: Message) -> None:
        entry = self._entries[request, attempt]
        self._entries[request, attempt] = Entry(entry.request, final)

    @override
    def mark_reported(self, request: str, attempt: int) -> None:
        """Do nothing: no entry is read again."""

    @override
    async def open_entries(self) -> Sequence[Entry]:
        """Return nothing: no entry outlives the process."""
        return ()

    @override
    async def close(self) -> None:
        """Do nothing: nothing waits to be written."""


def _read(row: _Row) -> Entry | None:
    """Return the entry in `row`, or None if it cannot be read."""
    try:
        request, final = (decode(body, most=2**24) if body else None for body in row)
    except InvalidMessage as error:
        log.error("an entry of the journal cannot be read", error=str(error))
        return None
    assert request is None or isinstance(request, Request)
    return Entry(request, final)
