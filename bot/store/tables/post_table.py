"""The table of posts: which chat message shows what."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from bot.store.database.column_types import Instant, Key, Words
from bot.store.tables.schema import metadata

posts = Table(
    "posts",
    metadata,
    Column("key", Key, primary_key=True),
    Column("job", Key, nullable=False),
    Column("front", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("ref", Key, nullable=False),
    Column("status", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Index("posts_job", "job"),
    Index("posts_ref", "front", "channel", "ref"),
    Index("posts_thread", "front", "channel", "thread"),
)
