"""Small means that several parts of the store use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns go by their names."""

CHUNK = 500
"""Parameters in one statement, at most."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`items` in pieces of at most `size`."""
    rest = list(items)
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def upsert(connection: Connection, table: Table) -> postgresql.Insert:
    """An insert that may say what to do on a conflict, in the words of the database at hand."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    # SQLite took the clause over from PostgreSQL, and SQLAlchemy its methods.
    return cast(Any, sqlite.insert(table))  # type: ignore[no-any-return]
