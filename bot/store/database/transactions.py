"""Database: transactions over SQLite or PostgreSQL.

A transaction is a plain function of a SQLAlchemy connection; it happens entirely or not at all. It
may be run again: PostgreSQL requires this when two transactions conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DataError as BadData
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.exc import IntegrityError as Conflict
from sqlalchemy.exc import TimeoutError as PoolExhausted

from bot.store.errors import DatabaseUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]

LOCK_TIMEOUT = 2.0
"""Seconds to wait for a lock or a connection: people get an answer within 3."""

NOT_A_DATABASE = ("file is not a database", "database disk image is malformed")
"""SQLite's messages about a file that is no database, or is damaged."""
_NO_PRIVILEGE = "42501"


Heard = Callable[[Collection[str]], None]
"""Is given what other bots sent."""


class Notifier(Protocol):
    """Tells other bots which rows have changed, and hears it of them. It may lose some."""

    def start(self) -> None:
        """Begin to hear; does nothing the second time."""

    def send(self, ids: Collection[str]) -> None:
        """Tell other bots that the rows with these ids have changed."""

    async def close(self) -> None:
        """Disconnect."""


class Database(Protocol):
    """Runs transactions. Both methods raise DatabaseUnavailable if it cannot be used at the
    moment."""

    url: URL

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds."""

    async def write(self, work: Work[T]) -> T:
        """Do `work` in one transaction. If the caller is cancelled meanwhile, it is done whole or
        not at all, and no connection is lost."""

    def notifier(self, heard: Heard) -> Notifier | None:
        """Return what tells other bots of changes, which gives `heard` those of others; None if
        this database cannot."""

    async def close(self) -> None:
        """Finish what is under way, and close every connection."""


def without_password(url: URL) -> str:
    """Return `url` as people may see it: without the password."""
    return url.render_as_string(hide_password=True)


def unavailable_error(url: URL, error: Exception) -> DatabaseUnavailable | None:
    """Return the error for callers if `error` of a driver means that the database cannot be used;
    None if it is a bug of ours, which is raised as it is."""
    if isinstance(error, Conflict | BadData):
        return None
    if isinstance(error, ProgrammingError):
        if getattr(error.orig, "sqlstate", "") != _NO_PRIVILEGE:
            return None
    elif not isinstance(error, DBAPIError | OSError | TimeoutError | PoolExhausted):
        return None
    reason = _reason(error)
    if url.password:
        reason = reason.replace(str(url.password), "***")
    return DatabaseUnavailable(url=without_password(url), reason=reason)


def _reason(error: Exception) -> str:
    if isinstance(error, PoolExhausted):
        return f"all connections are in use (waited {LOCK_TIMEOUT:g} s)"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
    text = (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")
    return _EXPLAINED.get(text, text)


_EXPLAINED = {
    "database is locked": f"another process keeps it locked (waited {LOCK_TIMEOUT:g} s)",
    "database or disk is full": "its disk is full; free some space",
    "attempt to write a readonly database": "it may not be written; correct its permissions",
    "unable to open database file": "its file cannot be opened; check its path and permissions",
}
