"""A worker's journal holds every job that it took, and how far it came.

taken      on disk before it is acknowledged; whether it is ours to start is not certain yet
started    on disk before anything of it runs: it is never started again
ended      with its closing message, until RabbitMQ has that
parking    blocked: on its way into a tier        parked   RabbitMQ has it: any worker may look
yielded    another worker has it                  cancelled   it must not start, whenever it comes
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from baton.agent.journal_file import MAX_STORED, Schema, WriteLost
from baton.agent.journal_writer import Change, JournalWriter
from baton.bus.messages import Message, Update, decode, encode, now
from baton.errors import JournalUnavailable
from baton.worker.incoming import Incoming

SCHEMA = Schema(
    1,
    """
CREATE TABLE IF NOT EXISTS runs (
    request TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    accepted REAL NOT NULL,  -- when it came to the stage
    stage TEXT NOT NULL,
    look INTEGER NOT NULL,   -- how often it was looked at before
    job TEXT NOT NULL,       -- the bot's job, or PyBit's
    queue TEXT NOT NULL,
    body BLOB,               -- the message; NULL once it is not needed
    content_type TEXT NOT NULL DEFAULT '',
    headers TEXT NOT NULL DEFAULT '{}',
    final BLOB,              -- the closing message
    reported INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request, attempt)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unreported ON runs (accepted) WHERE reported = 0;
CREATE INDEX IF NOT EXISTS parked ON runs (job) WHERE stage = 'parked';
CREATE TABLE IF NOT EXISTS holder (id TEXT NOT NULL);
""",
)

_CANCELLED_JOB = "cancelled job "
"""What the request of a row begins with that stands for a job of PyBit's which was cancelled."""


class Stage(StrEnum):
    """How far a job came here."""

    TAKEN = "taken"
    STARTED = "started"
    ENDED = "ended"
    PARKING = "parking"
    PARKED = "parked"
    YIELDED = "yielded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry is what the journal knows about a job; `final` is its closing message, encoded."""

    id: str
    attempt: int
    accepted: float
    stage: Stage
    look: int
    queue: str
    body: bytes | None
    content_type: str
    headers: dict[str, str]
    final: bytes | None

    @property
    def closing(self) -> Update | None:
        """Return its closing message; None if there is none yet, or nobody is told."""
        if self.final is None:
            return None
        found = decode(self.final, most=MAX_STORED)
        assert isinstance(found, Update)
        return found


_COLUMNS = "request, attempt, accepted, stage, look, queue, body, content_type, headers, final"


class WorkJournal(JournalWriter):
    """This journal is a SQLite file, which belongs to one process at a time."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        super().__init__(path, SCHEMA, clock)
        self._holder = ""

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime] = now) -> WorkJournal:
        """Return the journal at `path`. One that cannot be opened yet is tried at each use."""
        journal = cls(path, clock)
        with contextlib.suppress(JournalUnavailable):
            await journal.holder()
        return journal

    async def holder(self) -> str:
        """Return who holds claims: this very file, since another one does not know what was
        claimed. Raises JournalUnavailable."""
        if not self._holder:

            def write(db: sqlite3.Connection) -> str:
                found = db.execute("SELECT id FROM holder").fetchone()
                if found is None:
                    found = (secrets.token_hex(16),)
                    db.execute("INSERT INTO holder (id) VALUES (?)", found)
                return str(found[0])

            self._holder = await self.write(write)
        return self._holder

    async def take(self, job: Incoming) -> Entry | None:
        """Remember that `job` was taken; None if it is new, else what is known about it.

        What comes back from being parked is new, if it is a later look than the last one here.
        Raises JournalUnavailable if it cannot be remembered: then it must not be acknowledged.
        """
        row = (
            job.id,
            job.attempt,
            self._clock().timestamp(),
            job.look,
            job.job,
            job.queue,
            job.body,
            job.content_type,
            json.dumps(job.headers),
            None if job.ours else f"{_CANCELLED_JOB}{job.job}",
        )
        return await self.change(_TAKE, row)

    async def start(self, job: Incoming) -> bool:
        """Remember that `job` starts now; False if it is not here any more, since the file is
        another one: then it must not start, nor if this raises JournalUnavailable."""
        return await self.change(_START, _key(job)) is None

    async def give_up(self, job: Incoming) -> None:
        """Remember that another worker has `job`."""
        await self.change(_GIVE_UP, _key(job))

    async def record_end(self, request: str, attempt: int, final: Message) -> None:
        """Remember how a run ended, until that is reported."""
        await self.change(_END, (encode(final), False, request, attempt))

    async def end(self, job: Incoming) -> None:
        """Remember that a job ended which is not to be reported to the bot."""
        await self.change(_END, (None, True, job.id, job.attempt))

    async def again(self, job: Incoming, attempt: int) -> Incoming:
        """Remember that `job` ended, and that it is taken once more as that attempt."""
        later = job.again(attempt)

        def write(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO runs (request, attempt, accepted, stage, look, job, queue, body,"
                " content_type, headers) VALUES (?, ?, ?, 'taken', 0, ?, ?, ?, ?, ?)",
                (
                    later.id,
                    attempt,
                    self._clock().timestamp(),
                    later.job,
                    later.queue,
                    later.body,
                    later.content_type,
                    json.dumps(later.headers),
                ),
            )
            _END.alone(db, (None, True, job.id, job.attempt))

        await self.write(write)
        return later

    async def park(self, job: Incoming) -> None:
        """Remember that `job` is on its way into a tier, as it is to come back."""
        at, look, headers = self._clock().timestamp(), job.look, json.dumps(job.headers)
        changed = await self.write(
            lambda db: (
                db.execute(
                    "UPDATE runs SET stage = 'parking', look = ?, headers = ?, accepted = ?"
                    " WHERE request = ? AND attempt = ? AND stage IN ('started', 'parking')",
                    (look, headers, at, job.id, job.attempt),
                ).rowcount
            )
        )
        if not changed:
            raise JournalUnavailable(self.path, f"the job {job.id} is not in it")

    async def parked(self, job: Incoming) -> None:
        """Remember that RabbitMQ has `job`, which is parked."""
        key = (job.id, job.attempt, job.look)
        await self.write(
            lambda db: db.execute(
                "UPDATE runs SET stage = 'parked', reported = 1 WHERE request = ?"
                " AND attempt = ? AND look = ? AND stage = 'parking'",
                key,
            )
        )

    async def unpark(self, job: Incoming) -> None:
        """Remember that `job` was not published after all: it is looked at at the next start."""
        await self.change(_UNPARK, _key(job))

    async def record_cancel(self, request: str, attempt: int) -> Entry | None:
        """Remember that a request must not start. Returns None if it has not arrived yet, else
        what is known about it; what is parked is cancelled from now on."""

        def write(db: sqlite3.Connection) -> Entry | None:
            known = _found(db, request, attempt)
            db.execute(
                "INSERT INTO runs (request, attempt, accepted, stage, look, job, queue, reported)"
                " VALUES (?, ?, ?, 'cancelled', 0, '', '', 1)"
                " ON CONFLICT (request, attempt) DO UPDATE SET stage = 'cancelled'"
                " WHERE stage = 'parked'",
                (request, attempt, self._clock().timestamp()),
            )
            return known

        return await self.write(write)

    async def record_cancel_of(self, job: str) -> Sequence[Entry]:
        """Remember that the job `job` of PyBit's must not start; returns what is parked of it."""

        def write(db: sqlite3.Connection) -> Sequence[Entry]:
            known = db.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE stage = 'parked' AND job = ?", (job,)
            ).fetchall()
            db.execute(
                "INSERT OR IGNORE INTO runs (request, attempt, accepted, stage, look, job, queue,"
                " reported) VALUES (?, 1, ?, 'cancelled', 0, ?, '', 1)",
                (f"{_CANCELLED_JOB}{job}", self._clock().timestamp(), job),
            )
            db.execute(
                "UPDATE runs SET stage = 'cancelled' WHERE stage = 'parked' AND job = ?", (job,)
            )
            return [_entry(row) for row in known]

        return await self.write(write)

    async def open_entries(self) -> Sequence[Entry]:
        """Return what was taken, ran, was being parked, or had ended unreported, when this worker
        last stopped."""

        def read(db: sqlite3.Connection) -> list[Any]:
            return db.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE reported = 0 ORDER BY accepted"
            ).fetchall()

        return [_entry(row) for row in await self.write(read)]


def _key(job: Incoming) -> tuple[str, int, int]:
    return job.id, job.attempt, job.look


def _take(db: sqlite3.Connection, row: Sequence[Any]) -> Entry | None:
    id, attempt, accepted, look, *_, cancelled = row
    if db.execute("SELECT 1 FROM runs WHERE request = ?", (cancelled,)).fetchone() is not None:
        return Entry(id, attempt, accepted, Stage.CANCELLED, look, row[5], None, "", {}, None)
    return None if db.execute(_TAKE.sql, row).rowcount else _found(db, id, attempt)


_TAKE: Change[Entry] = Change(
    "INSERT INTO runs (request, attempt, accepted, stage, look, job, queue, body,"
    " content_type, headers) SELECT ?, ?, ?, 'taken', ?, ?, ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM runs WHERE request = ?)"
    " ON CONFLICT (request, attempt) DO UPDATE SET accepted = excluded.accepted,"
    " stage = 'taken', look = excluded.look, queue = excluded.queue,"
    " body = excluded.body, content_type = excluded.content_type,"
    " headers = excluded.headers, reported = 0"
    " WHERE stage IN ('parked', 'parking') AND look <= excluded.look",
    _take,
)


def _move(stage: Stage, change: str) -> Change[None]:
    """Return the change of a job that is at `stage`; its parameters are a `_key`."""
    sql = (
        f"UPDATE runs SET {change}"
        f" WHERE request = ? AND attempt = ? AND look = ? AND stage = '{stage}'"
    )

    def alone(db: sqlite3.Connection, key: Sequence[Any]) -> None:
        if db.execute(sql, key).rowcount != 1:
            raise WriteLost(f"the job {key[0]} is not in it as {stage}")

    return Change(sql, alone)


def _start(db: sqlite3.Connection, key: Sequence[Any]) -> bool | None:
    return None if db.execute(_START.sql, key).rowcount else False


_START: Change[bool] = Change(_move(Stage.TAKEN, "stage = 'started'").sql, _start)
_GIVE_UP = _move(Stage.TAKEN, "stage = 'yielded', reported = 1, body = NULL, headers = '{}'")
_UNPARK = _move(Stage.PARKING, "stage = 'taken'")


def _end(db: sqlite3.Connection, row: Sequence[Any]) -> None:
    *_, request, attempt = row
    if db.execute(_END.sql, row).rowcount != 1 and _found(db, request, attempt) is None:
        raise WriteLost(f"the end of the run {request} is not in it")


_END: Change[None] = Change(
    "UPDATE runs SET stage = 'ended', body = NULL, headers = '{}', final = ?, reported = ?"
    " WHERE request = ? AND attempt = ? AND stage <> 'ended'",
    _end,
)


def _found(db: sqlite3.Connection, request: str, attempt: int) -> Entry | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE request = ? AND attempt = ?", (request, attempt)
    ).fetchone()
    return None if row is None else _entry(row)


def _entry(row: Any) -> Entry:
    id, attempt, accepted, stage, look, queue, body, content_type, headers, final = row
    return Entry(
        id,
        attempt,
        accepted,
        Stage(stage),
        look,
        queue,
        body,
        content_type,
        json.loads(headers),
        final,
    )
