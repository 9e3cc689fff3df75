"""The tables: `metadata` from here knows every one of them.

What is looked up often has an index over open rows only, so that what is over costs nothing. A
change here needs a migration beside it; a test holds the two equal.
"""

from __future__ import annotations

from bot.store.tables import (
    alert_tables,
    job_tables,
    lease_table,
    lock_tables,
    post_table,
    schedule_tables,
    server_table,
    sign_in_tables,
    vote_table,
)
from bot.store.tables.schema import metadata

__all__ = [
    "alert_tables",
    "job_tables",
    "lease_table",
    "lock_tables",
    "metadata",
    "post_table",
    "schedule_tables",
    "server_table",
    "sign_in_tables",
    "vote_table",
]
