"""Statements and helpers that several parts of the store use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns are read by name."""

CHUNK = 500
"""Parameters in one statement, at most."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Yield `items` in pieces of at most `size`."""
    rest = list(items)
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def as_of_one_moment(connection: Connection) -> None:
    """Have all that this transaction reads be as of one moment. It writes nothing, and has read
    nothing before."""
    if connection.dialect.name == "postgresql":
        # else each statement sees a state of its own
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def upsert(at_hand: Connection | str, table: Table) -> postgresql.Insert:
    """Return an insert that can have ON CONFLICT, for the database of that connection, or of that
    dialect."""
    dialect = at_hand if isinstance(at_hand, str) else at_hand.dialect.name
    if dialect == "postgresql":
        return postgresql.insert(table)
    # SQLite has the clause from PostgreSQL, and SQLAlchemy has the same methods for both
    return cast(Any, sqlite.insert(table))  # type: ignore[no-any-return]


def matching(
    connection: Connection,
    columns: tuple[Column[Any], Column[Any]],
    pairs: Sequence[tuple[str, str]],
) -> tuple[Select[Any], dict[str, Any]]:
    """Return a statement for the rows in which `columns` have the values of one of `pairs`, and its
    parameters.

    Each row is looked up by its key: the pairs are one parameter, however many there are. (With a
    list of pairs in the statement itself SQLite scans the table.)
    """
    statement = _matching(connection.dialect.name, columns)
    if connection.dialect.name == "postgresql":
        firsts, seconds = [one for one, _ in pairs], [two for _, two in pairs]
        return statement, {"firsts": firsts, "seconds": seconds}
    return statement, {"pairs": json.dumps(pairs)}


@cache
def _matching(dialect: str, columns: tuple[Column[Any], Column[Any]]) -> Select[Any]:
    # built once: building a statement takes longer than running it
    first, second = columns
    if dialect == "postgresql":
        firsts, seconds = (bindparam(name, type_=ARRAY(Text)) for name in ("firsts", "seconds"))
        both = func.unnest(firsts, seconds).table_valued("first", "second", name="pair")
        pair = both.render_derived()
        same = and_(first == pair.c.first, second == pair.c.second)
        return select(first.table).join(pair, same)
    pair = func.json_each(bindparam("pairs", type_=Text)).table_valued("value", name="pair")
    same = and_(
        first == func.json_extract(pair.c.value, "$[0]"),
        second == func.json_extract(pair.c.value, "$[1]"),
    )
    return select(first.table).join(pair, same)
