"""The tables of schedules and of what fired."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, text

from bot.store.database.column_types import Instant, Json, Key, Words
from bot.store.tables.schema import metadata

DUE = text("due IS NOT NULL")
"""Of schedules."""
UNDER_WAY = text("verdict = 'started' AND ended IS NULL")
"""Of firings, in the words of their index, so that both databases use it."""

schedules = Table(
    "schedules",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Key, nullable=False, unique=True),
    Column("words", Words, nullable=False),
    Column("timing", Json, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("person_standing", Key, nullable=False, server_default="member"),
    Column("front", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("place_name", Words, nullable=False),
    Column("created", Instant, nullable=False),
    Column("status", Words, nullable=False),
    Column("note", Words, nullable=False),
    Column("nominal", Instant),
    # When to look at it next; null while there is nothing to look for.
    Column("due", Instant),
    Column("waiting", Instant),
    Column("runs", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("tally", Json, nullable=False),
    Column("day", Words, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("schedules_due", "due", sqlite_where=DUE, postgresql_where=DUE),
    Index("schedules_place", "front", "channel", "created"),
    Index("schedules_person", "front", "person_id"),
)

firings = Table(
    "firings",
    metadata,
    Column("schedule", Key, ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False),
    # With the schedule its name: each time fires once, whoever tries.
    Column("nominal", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("job", Key, nullable=False),
    Column("count", Integer, nullable=False),
    Column("until", Instant),
    Column("outcome", Words, nullable=False),
    Column("ended", Instant),
    Column("person", Key, nullable=False),
    PrimaryKeyConstraint("schedule", "nominal"),
    Index("firings_open", "schedule", sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY),
    Index("firings_at", "at"),
)
