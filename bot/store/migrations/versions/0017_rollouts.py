"""Rollouts: jobs that are looked after although none of their runs is held any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index: no job that was written before goes in waves."""
    op.add_column(
        "jobs", sa.Column("rolling", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "jobs_rolling",
        "jobs",
        ["id"],
        sqlite_where=sa.text("rolling = 1"),
        postgresql_where=sa.text("rolling"),
    )
