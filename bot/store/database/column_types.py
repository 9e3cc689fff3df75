"""The types of columns: values are stored the same way in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

log = structlog.get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LARGEST = 2**63 - 1
"""The largest whole number that a column holds."""

Counter = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database assigns: SQLite does so only in INTEGER columns."""


class Instant(TypeDecorator[datetime]):
    """A moment, as whole microseconds since 1970 in UTC: exact, and in order in both databases.
    One beyond the calendar, which no Baton wrote, is read as the last possible one."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Convert a value for the database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Convert a value from the database."""
        if value is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=value)
        except OverflowError:
            return _LAST if value > 0 else _EPOCH


class Words(TypeDecorator[str]):
    """Text that came from outside. What a database cannot hold is replaced: NUL by `�`, half a
    surrogate pair by `?`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Convert a value for the database."""
        return None if value is None else storable(value)


class Key(Words):
    """Text that is looked up. It is ordered by its bytes, whatever the database's locale is."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type in this database."""
        # Not through `type_descriptor`, which makes a VARCHAR of a text with a collation.
        return Text(collation="C") if dialect.name == "postgresql" else Text()


class Json(TypeDecorator[Any]):
    """A JSON value, as text. Invalid JSON is read as an empty object, so that the other rows can be
    read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Convert a value for the database."""
        return to_json(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Convert a value from the database."""
        try:
            return from_json(value)
        except ValueError:
            log.error("a value in the database is not valid JSON", value=str(value)[:60])
            return {}


def storable(text: str) -> str:
    """Return `text` as a database can store it: without NUL and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "�") if "\0" in text else text
    return text.replace("\0", "�").encode(errors="replace").decode()
