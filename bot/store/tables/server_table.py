"""The table of servers: the last heartbeat of each."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Table

from bot.store.database.column_types import Instant, Key, Words
from bot.store.tables.schema import metadata

servers = Table(
    "servers",
    metadata,
    Column("host", Key, primary_key=True),
    Column("facts", Words, nullable=False),
    Column("heard", Instant, nullable=False),
    Column("interval", Float, nullable=False),
    Column("leaving", Boolean, nullable=False),
)
