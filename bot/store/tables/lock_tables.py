"""The tables of locks, and of freezes that somebody broke."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, Table, text

from bot.store.database.column_types import Instant, Json, Key, Words
from bot.store.tables.schema import metadata

OPEN = text("ended IS NULL")
"""Of locks, in the words of their index."""
UNREVIEWED = text("reviewed IS NULL")
"""Of broken freezes, in the words of their index."""

locks = Table(
    "locks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Key, nullable=False, unique=True),
    Column("environment", Key, nullable=False),
    # Null: every app.
    Column("app", Key),
    Column("hosts", Json, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("person_standing", Key, nullable=False),
    Column("front", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("place_name", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("asked", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("seconds", Float),
    # Null while it waits.
    Column("since", Instant),
    Column("number", Integer),
    Column("nagged", Boolean, nullable=False),
    Column("ended", Instant),
    Column("how", Words, nullable=False),
    Index("locks_open", "environment", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("locks_number", "environment", "number", unique=True),
    Index("locks_ended", "ended"),
)

fences = Table(
    "fences",
    metadata,
    # A row for each environment: whoever changes its locks holds it, so that they take turns.
    Column("environment", Key, primary_key=True),
    Column("number", Integer, nullable=False),
)

broken_freezes = Table(
    "broken_freezes",
    metadata,
    Column("id", Key, primary_key=True),
    # Of the request that broke it.
    Column("key", Key, nullable=False, unique=True),
    Column("job", Key, nullable=False),
    Column("at", Instant, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("person_standing", Key, nullable=False),
    Column("front", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("place_name", Words, nullable=False),
    Column("words", Words, nullable=False),
    Column("environment", Words, nullable=False),
    Column("command", Key, nullable=False),
    Column("app", Key),
    Column("freeze", Words, nullable=False),
    Column("reason", Words, nullable=False),
    # Null while nobody else has looked at it.
    Column("reviewed", Instant),
    Column("reviewer", Words, nullable=False),
    Index("broken_freezes_open", "at", sqlite_where=UNREVIEWED, postgresql_where=UNREVIEWED),
    Index("broken_freezes_job", "job"),
)
