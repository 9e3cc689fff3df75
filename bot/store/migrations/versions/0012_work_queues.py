"""Runs of work queues: how often one is started again, and whether it was; and which requests may
have been sent, since those of a work queue are sent once at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: what was written before is of servers, and was not started again."""
    op.add_column("runs", sa.Column("retries", sa.Integer))
    op.add_column(
        "runs", sa.Column("retried", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column(
        "outbox", sa.Column("tried", sa.Boolean, nullable=False, server_default=sa.false())
    )
