"""The table of votes: what people said about jobs that were held."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, Table

from bot.store.database.column_types import Instant, Json, Key, Words
from bot.store.tables.schema import metadata

votes = Table(
    "votes",
    metadata,
    Column("job", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    # The chat that knows the person, and their ID there.
    Column("directory", Key, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("at", Instant, nullable=False),
    # The digest of what they were asked about.
    Column("plan", Words, nullable=False),
    Column("groups", Json, nullable=False),
    Column("because", Words, nullable=False),
    Column("place", Words, nullable=False),
    PrimaryKeyConstraint("job", "directory", "person_id"),
)
