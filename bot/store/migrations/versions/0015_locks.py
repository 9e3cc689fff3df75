"""Locks and their numbers, and freezes that somebody broke."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("ended IS NULL")
UNREVIEWED = sa.text("reviewed IS NULL")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "locks",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("environment", KEY, nullable=False),
        sa.Column("app", KEY),
        sa.Column("hosts", sa.Text(), nullable=False),
        *_who_and_where(),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("since", sa.BigInteger()),
        sa.Column("number", sa.Integer()),
        sa.Column("nagged", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("how", sa.Text(), nullable=False),
    )
    op.create_index(
        "locks_open", "locks", ["environment"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("locks_number", "locks", ["environment", "number"], unique=True)
    op.create_index("locks_ended", "locks", ["ended"])
    op.create_table(
        "fences",
        sa.Column("environment", KEY, primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    op.create_table(
        "broken_freezes",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("job", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_who_and_where(),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("command", KEY, nullable=False),
        sa.Column("app", KEY),
        sa.Column("freeze", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewed", sa.BigInteger()),
        sa.Column("reviewer", sa.Text(), nullable=False),
    )
    op.create_index(
        "broken_freezes_open",
        "broken_freezes",
        ["at"],
        sqlite_where=UNREVIEWED,
        postgresql_where=UNREVIEWED,
    )
    op.create_index("broken_freezes_job", "broken_freezes", ["job"])


def _who_and_where() -> list[sa.Column[object]]:
    return [
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("person_standing", KEY, nullable=False),
        sa.Column("front", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("place_name", sa.Text(), nullable=False),
    ]
