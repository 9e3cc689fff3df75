"""Runs that are held: what their job waits for, what people are asked, and their votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table: no job that was written before waits for anybody."""
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("jobs", sa.Column("hold", sa.Text, nullable=False, server_default="{}"))
    op.add_column("jobs", sa.Column("plan", sa.Text, nullable=False, server_default="{}"))
    op.add_column("jobs", sa.Column("plan_digest", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "votes",
        sa.Column("job", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("directory", key, nullable=False),
        sa.Column("person_id", key, nullable=False),
        sa.Column("person_name", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job", "directory", "person_id"),
    )
