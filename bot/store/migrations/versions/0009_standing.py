"""Who the owner of a schedule is to us: a guest's schedule is asked by a guest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: whoever had a schedule before was taken for a member."""
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    column = sa.Column("person_standing", kind, nullable=False, server_default="member")
    op.add_column("schedules", column)
