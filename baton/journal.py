"""The journal: what this agent accepted, and what became of it.

A request is on disk here before it is acknowledged, so that it is started at most once whatever
the bus redelivers and whoever restarts; a final word is on disk before it is sent, so that it is
not lost with the connection. Writes that wait for the disk share one commit.
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

from baton.batching import Batcher
from baton.errors import JournalUnavailable
from baton.exchanges import WEEK
from baton.messages import Cancel, Message, Request, decode, encode, now

R = TypeVar("R")

KEPT = timedelta(seconds=WEEK)
"""How long an entry is kept: as long as the inbox of an absent agent, which is how late a message
can come."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    request TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    accepted REAL NOT NULL,
    body BLOB,               -- the request; NULL if a cancel came before it
    final BLOB,              -- the closing message; NULL while it is under way
    reported INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request, attempt)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unreported ON runs (accepted) WHERE reported = 0;
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of a request. Neither `request` nor `final`: it was cancelled before
    it came."""

    request: Request | None
    final: Message | None

    @property
    def cancelled(self) -> bool:
        """Whether a cancel came first."""
        return self.request is None


class Journal(Protocol):
    """What an agent must remember."""

    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        """Remember `request`, ended already if `final` is given. None if it is new, else what is
        known of it.

        Raises JournalUnavailable if it cannot be remembered: then it must not be started.
        """

    async def forbid(self, cancel: Cancel) -> Entry | None:
        """Remember that a request must not be started. None if it had not come yet, else what is
        known of it."""

    async def ended(self, request: str, attempt: int, final: Message) -> None:
        """Remember how a run ended, until it is reported."""

    async def reported(self, request: str, attempt: int) -> None:
        """The bus has the final word."""

    async def open_entries(self) -> Sequence[Entry]:
        """What was under way, or had ended and was not reported, when the agent last stopped."""

    async def close(self) -> None:
        """Write what waits, and close."""


class SqliteJournal:
    """The journal in a SQLite file, written by a thread of its own."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        self.path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._batcher: Batcher[Callable[[sqlite3.Connection], Any], Any] = Batcher(self._commit)

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime] = now) -> SqliteJournal:
        """The journal at `path`, made if it is not there. What is older than KEPT is forgotten.

        A journal that cannot be opened yet is tried again at each use.
        """
        journal = cls(path, clock)
        limit = (clock() - KEPT).timestamp()
        with contextlib.suppress(JournalUnavailable):  # each accept() says so to the one who asks
            await journal._write(
                lambda db: db.execute("DELETE FROM runs WHERE accepted < ?", (limit,))
            )
        return journal

    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        """Keeps Journal.accept."""
        body, ending = encode(request), encode(final) if final else None
        moment = self._clock().timestamp()

        def write(db: sqlite3.Connection) -> Entry | None:
            new = db.execute(
                "INSERT OR IGNORE INTO runs (request, attempt, accepted, body, final)"
                " VALUES (?, ?, ?, ?, ?)",
                (request.id, request.attempt, moment, body, ending),
            )
            return None if new.rowcount else _entry(db, request.id, request.attempt)

        return await self._write(write)

    async def forbid(self, cancel: Cancel) -> Entry | None:
        """Keeps Journal.forbid."""
        moment = self._clock().timestamp()

        def write(db: sqlite3.Connection) -> Entry | None:
            new = db.execute(
                "INSERT OR IGNORE INTO runs (request, attempt, accepted, reported)"
                " VALUES (?, ?, ?, 1)",
                (cancel.request, cancel.attempt, moment),
            )
            return None if new.rowcount else _entry(db, cancel.request, cancel.attempt)

        return await self._write(write)

    async def ended(self, request: str, attempt: int, final: Message) -> None:
        """Keeps Journal.ended."""
        body = encode(final)
        await self._write(
            lambda db: db.execute(
                "UPDATE runs SET final = ? WHERE request = ? AND attempt = ? AND final IS NULL",
                (body, request, attempt),
            )
        )

    async def reported(self, request: str, attempt: int) -> None:
        """Keeps Journal.reported."""
        await self._write(
            lambda db: db.execute(
                "UPDATE runs SET reported = 1 WHERE request = ? AND attempt = ?", (request, attempt)
            )
        )

    async def open_entries(self) -> Sequence[Entry]:
        """Keeps Journal.open_entries."""

        def read(db: sqlite3.Connection) -> list[Entry]:
            rows = db.execute("SELECT body, final FROM runs WHERE reported = 0 ORDER BY accepted")
            return [_read(body, final) for body, final in rows]

        return await self._write(read)

    async def close(self) -> None:
        """Keeps Journal.close."""
        await self._batcher.drained()
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=True)

    async def _write(self, job: Callable[[sqlite3.Connection], R]) -> R:
        result: R = await self._batcher.submit(job)
        return result

    async def _commit(self, jobs: Sequence[Callable[[sqlite3.Connection], Any]]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._together, jobs)

    def _together(self, jobs: Sequence[Callable[[sqlite3.Connection], Any]]) -> Sequence[Any]:
        try:
            db = self._connection or self._connect()
            with db:
                db.execute("BEGIN IMMEDIATE")
                return [job(db) for job in jobs]
        except (sqlite3.Error, OSError) as error:
            raise JournalUnavailable(path=self.path, reason=error) from error

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=2.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_SCHEMA)
        except sqlite3.Error:
            db.close()
            raise
        self._connection = db
        return db


class MemoryJournal:
    """A journal that forgets with the process: for tests and measurements, never for a server."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Entry] = {}

    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        """Keeps Journal.accept."""
        return self._remember((request.id, request.attempt), Entry(request, final))

    async def forbid(self, cancel: Cancel) -> Entry | None:
        """Keeps Journal.forbid."""
        return self._remember((cancel.request, cancel.attempt), Entry(None, None))

    def _remember(self, key: tuple[str, int], entry: Entry) -> Entry | None:
        known = self._entries.get(key)
        if known is None:
            self._entries[key] = entry
        return known

    async def ended(self, request: str, attempt: int, final: Message) -> None:
        """Keeps Journal.ended."""
        entry = self._entries[request, attempt]
        self._entries[request, attempt] = Entry(entry.request, final)

    async def reported(self, request: str, attempt: int) -> None:
        """Keeps Journal.reported."""

    async def open_entries(self) -> Sequence[Entry]:
        """Keeps Journal.open_entries: nothing outlives the process."""
        return ()

    async def close(self) -> None:
        """Keeps Journal.close."""


def _entry(db: sqlite3.Connection, request: str, attempt: int) -> Entry:
    body, final = db.execute(
        "SELECT body, final FROM runs WHERE request = ? AND attempt = ?", (request, attempt)
    ).fetchone()
    return _read(body, final)


def _read(body: bytes | None, final: bytes | None) -> Entry:
    request = decode(body) if body else None
    assert request is None or isinstance(request, Request)
    return Entry(request, decode(final) if final else None)
