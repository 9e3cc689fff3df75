"""Schedules and their firings; jobs that are shown under another's post, or not at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make them."""
    op.add_column("jobs", sa.Column("under", KEY, nullable=False, server_default=""))
    op.add_column(
        "jobs", sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _schedules()
    _firings()


def _index(name: str, table: str, columns: list[str], where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("front", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("place_name", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("nominal", sa.BigInteger(), nullable=True),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("waiting", sa.BigInteger(), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
    _index("schedules_due", "schedules", ["due"], "due IS NOT NULL")
    _index("schedules_person", "schedules", ["front", "person_id"])
    _index("schedules_place", "schedules", ["front", "channel", "created"])


def _firings() -> None:
    op.create_table(
        "firings",
        sa.Column(
            "schedule", KEY, sa.ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("nominal", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("job", KEY, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("person", KEY, nullable=False),
        sa.PrimaryKeyConstraint("schedule", "nominal"),
    )
    _index("firings_at", "firings", ["at"])
    _index("firings_open", "firings", ["schedule"], "verdict = 'started' AND ended IS NULL")
