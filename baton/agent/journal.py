"""The journal holds what this agent accepted, and how it ended.

A request is on disk here before it is acknowledged, so that it starts at most once, whatever
RabbitMQ redelivers and whatever restarts. A closing message is on disk before it is sent, so that
it is not lost with the connection. What is written is read back before it counts.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog
from typing_extensions import override

from baton.agent.journal_file import MAX_STORED, SCHEMA, WriteLost
from baton.agent.journal_writer import RETENTION, JournalWriter
from baton.bus.messages import Cancel, Message, Request, decode, encode, now
from baton.errors import InvalidMessage, JournalUnavailable

_Row = tuple[bytes | None, bytes | None]

log = structlog.get_logger(__name__)


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

    forgotten: float
    """When the last request came that was deleted from it, in seconds since 1970."""

    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        """Remember `request`, as ended if `final` is given.

        Returns None if it is new, else what is known about it. Raises JournalUnavailable if it
        cannot be remembered: then it must not start.
        """

    async def raise_fence(self, environment: str, app: str, number: int) -> int:
        """Remember that something is asked under the lock `number` for `app`, or for whole servers
        if that is empty. Return the highest number that is remembered for it then."""

    async def spend(self, plan: str, request: Request) -> bool:
        """Remember that the approvals of the plan with this digest start `request`.

        Returns False if they have started another. Raises JournalUnavailable.
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


class SqliteJournal(JournalWriter, Journal):
    """This journal is a SQLite file.

    The file belongs to one process at a time: a second agent, started by mistake, would report the
    runs of the first as interrupted. It finds the journal unavailable until the first has ended.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        super().__init__(path, SCHEMA, clock)

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime] = now) -> SqliteJournal:
        """Return the journal at `path`; it is made if it does not exist.

        A journal that cannot be opened yet is tried again at each use.
        """
        journal = cls(path, clock)
        with contextlib.suppress(JournalUnavailable):  # each accept() says so to the one who asks
            await journal.write(lambda db: None)
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
    async def raise_fence(self, environment: str, app: str, number: int) -> int:
        def write(db: sqlite3.Connection) -> int:
            db.execute(
                "INSERT INTO fences (environment, app, number) VALUES (?, ?, ?)"
                " ON CONFLICT (environment, app)"
                " DO UPDATE SET number = MAX(number, excluded.number)",
                (environment, app, number),
            )
            # whole servers are every app, and every app is of whole servers
            found = db.execute(
                "SELECT MAX(number) FROM fences"
                " WHERE environment = ? AND (? = '' OR app IN ('', ?))",
                (environment, app, app),
            ).fetchone()
            return int(found[0])

        return await self.write(write)

    @override
    async def spend(self, plan: str, request: Request) -> bool:
        at, key = self._clock().timestamp(), (request.id, request.attempt)

        def write(db: sqlite3.Connection) -> bool:
            # an approval lasts shorter than this: an older row is of no use
            limit = at - RETENTION.total_seconds()
            db.execute("DELETE FROM plans WHERE at < ?", (limit,))
            db.execute(
                "INSERT INTO plans (digest, request, attempt, at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (digest) DO NOTHING",
                (plan, *key, at),
            )
            found = db.execute(
                "SELECT request, attempt FROM plans WHERE digest = ?", (plan,)
            ).fetchone()
            if found is None:
                raise WriteLost(f"the plan {plan} was written and is not in it")
            return tuple(found) == key

        return await self.write(write)

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

        await self.write(write)

    @override
    async def open_entries(self) -> Sequence[Entry]:
        """Return the open entries. One that cannot be read is logged and left out."""

        def read(db: sqlite3.Connection) -> list[_Row]:
            return db.execute(
                "SELECT body, final FROM runs WHERE reported = 0 ORDER BY accepted"
            ).fetchall()

        return [entry for row in await self.write(read) if (entry := _read(row)) is not None]

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

        known = await self.write(write)
        return None if known is None else _read(known) or unreadable


def _found(db: sqlite3.Connection, key: tuple[str, int]) -> _Row | None:
    found: _Row | None = db.execute(
        "SELECT body, final FROM runs WHERE request = ? AND attempt = ?", key
    ).fetchone()
    return found


class MemoryJournal(Journal):
    """This journal ends with the process: it is for tests and measurements, never for a server."""

    forgotten = 0.0

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Entry] = {}
        self._fences: dict[tuple[str, str], int] = {}
        self._plans: dict[str, tuple[str, int]] = {}

    @override
    async def accept(self, request: Request, final: Message | None = None) -> Entry | None:
        return self._remember((request.id, request.attempt), Entry(request, final))

    @override
    async def raise_fence(self, environment: str, app: str, number: int) -> int:
        key = (environment, app)
        self._fences[key] = max(number, self._fences.get(key, 0))
        return max(
            known
            for (where, about), known in self._fences.items()
            if where == environment and (not app or about in ("", app))
        )

    @override
    async def spend(self, plan: str, request: Request) -> bool:
        key = (request.id, request.attempt)
        return self._plans.setdefault(plan, key) == key

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
        request, final = (decode(body, most=MAX_STORED) if body else None for body in row)
    except InvalidMessage as error:
        log.error("an entry of the journal cannot be read", error=str(error))
        return None
    assert request is None or isinstance(request, Request)
    return Entry(request, final)
