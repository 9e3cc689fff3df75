"""The table of leases: which bot does what one alone must do."""

from __future__ import annotations

from sqlalchemy import Column, Table

from bot.store.database.column_types import Instant, Key
from bot.store.tables.schema import metadata

leases = Table(
    "leases",
    metadata,
    Column("name", Key, primary_key=True),
    Column("holder", Key, nullable=False),
    Column("until", Instant, nullable=False),
)
