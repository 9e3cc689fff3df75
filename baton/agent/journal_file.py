"""The file of a journal is opened for its owner alone, and checked.

sqlite.org/wal.html, sqlite.org/rescode.html, sqlite.org/pragma.html#pragma_quick_check
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from baton.errors import JournalUnavailable
from baton.private_file import make_private

MAX_STORED = 2**24
"""Bytes of a message in a journal, at most."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema is the tables of a journal; its version is the user_version of the file."""

    version: int
    tables: str


SCHEMA = Schema(
    1,
    """
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
CREATE TABLE IF NOT EXISTS fences (
    environment TEXT NOT NULL,
    app TEXT NOT NULL,       -- empty: whole servers
    number INTEGER NOT NULL,
    PRIMARY KEY (environment, app)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (
    digest TEXT PRIMARY KEY,
    request TEXT NOT NULL,   -- the one that has been started by the approvals of the plan
    attempt INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
""",
)
"""The journal of an agent. `fences` are the numbers of the last locks under which something was
asked."""


_MARKS = "CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, at REAL NOT NULL);"
"""What every journal has: `forgotten` is when the last request came that was deleted from it."""

CHECKPOINT = 4_000
"""Pages of 4 KB that the log beside the file has before they are written into it. A page is written
there with each job that it has: so late, it has had most of them."""


class WriteLost(Exception):
    """The file does not hold what was written to it."""


class NewerSchema(Exception):
    """A newer Baton wrote the file."""


def open_file(path: Path, schema: Schema = SCHEMA) -> sqlite3.Connection:
    """Return a connection that has the journal at `path` for itself; a missing file is made.

    Raises sqlite3.Error, OSError, WriteLost or NewerSchema: see `journal_error`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(path)
    db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        _check(db, schema.version)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        db.executescript(f"{schema.tables} {_MARKS} PRAGMA user_version = {schema.version};")
    except BaseException:
        db.close()
        raise
    return db


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return which file is at `path`; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def journal_error(path: Path, error: Exception) -> JournalUnavailable:
    """Return what `error` means for the journal at `path`, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return JournalUnavailable(
            path,
            "another process has it open: is another agent running?",
            "Stop the other agent.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(error, WriteLost):
        return JournalUnavailable(
            path,
            f"it is damaged: {error}",
            f"Move it and {path.name}-wal away: a new one is made at the next request. It does"
            " not know what was running, so check the server first.",
        )
    if isinstance(error, NewerSchema | sqlite3.IntegrityError):
        return JournalUnavailable(
            path,
            error,
            "Install the newer Baton again, or move the file away; a new one does not know"
            " what was running, so check the server first.",
        )
    if isinstance(error, OSError):
        return JournalUnavailable(path, f"{error.filename or path}: {error.strerror or error}")
    return JournalUnavailable(path, error)


def _check(db: sqlite3.Connection, known: int) -> None:
    """Check that the file can be trusted. Raises NewerSchema, WriteLost or sqlite3.Error."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > known:
        raise NewerSchema(
            f"it was written by a newer Baton: its schema is {version}, and this one knows {known}"
        )
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise WriteLost(found.splitlines()[-1])
