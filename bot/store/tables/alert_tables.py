"""The tables of alerts. The engine alone reads its rows: each is JSON under its key, and only what
is looked up has a column."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, text

from bot.store.database.column_types import Counter, Instant, Json, Key, Words
from bot.store.tables.schema import metadata

FIRING = text("ended IS NULL")
"""Of episodes."""
UNREPORTED_SQLITE, UNREPORTED_POSTGRES = text("told = 0"), text("NOT told")
"""Of posts, as each database writes it."""


def _kept(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        metadata,
        Column("key", Key, primary_key=True),
        *columns,
        Column("data", Json, nullable=False),
    )


checks = _kept("alert_watches")
groups = _kept("alert_groups")
silences = _kept("alert_silences", Column("until", Instant, nullable=False))
channels = _kept("alert_channels")
visibility = _kept("alert_sight")

operations = Table(
    "alert_asks",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("data", Json, nullable=False),
)

reloads = Table(
    "alert_readings",
    metadata,
    Column("bot", Key, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("problem", Words, nullable=False),
)

episodes = Table(
    "alert_episodes",
    metadata,
    Column("fingerprint", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", Instant, nullable=False),
    Column("ended", Instant),
    Column("data", Json, nullable=False),
    PrimaryKeyConstraint("fingerprint", "number"),
    Index("alert_episodes_firing", "started", sqlite_where=FIRING, postgresql_where=FIRING),
    Index("alert_episodes_started", "started"),
)

alert_posts = Table(
    "alert_posts",
    metadata,
    Column("key", Key, primary_key=True),
    # The key of the post under which it stands, or its own.
    Column("subject", Key, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", Json, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("told", Boolean, nullable=False),
    # Since when it is not up to date, and the revision that was shown last.
    Column("wanted", Instant, nullable=False, server_default="0"),
    Column("shown", Integer, nullable=False, server_default="0"),
    Index("alert_posts_subject", "subject"),
    Index("alert_posts_at", "at"),
    Index(
        "alert_posts_untold",
        "at",
        sqlite_where=UNREPORTED_SQLITE,
        postgresql_where=UNREPORTED_POSTGRES,
    ),
)
