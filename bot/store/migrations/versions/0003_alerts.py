"""Alerts: what is watched, what fires, and what is to be shown of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make them."""
    for name in ("alert_watches", "alert_groups", "alert_channels", "alert_sight"):
        _kept(name)
    _kept("alert_silences", sa.Column("until", sa.BigInteger(), nullable=False))
    op.create_table(
        "alert_episodes",
        sa.Column("fingerprint", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "number"),
    )
    firing = sa.text("ended IS NULL")
    op.create_index(
        "alert_episodes_firing",
        "alert_episodes",
        ["started"],
        sqlite_where=firing,
        postgresql_where=firing,
    )
    op.create_index("alert_episodes_started", "alert_episodes", ["started"])
    _posts()


def _kept(name: str, *columns: sa.Column[int]) -> None:
    op.create_table(
        name,
        sa.Column("key", KEY, primary_key=True),
        *columns,
        sa.Column("data", sa.Text(), nullable=False),
    )


def _posts() -> None:
    op.create_table(
        "alert_posts",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("subject", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
    )
    op.create_index("alert_posts_subject", "alert_posts", ["subject"])
    op.create_index("alert_posts_at", "alert_posts", ["at"])
    op.create_index(
        "alert_posts_untold",
        "alert_posts",
        ["at"],
        sqlite_where=sa.text("told = 0"),
        postgresql_where=sa.text("NOT told"),
    )
