"""When a piece of output was written, by the clock of its job: who watches reads what is new."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: what was written before has revision 0, as has what an older bot writes that
    still leads."""
    op.add_column("output", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.create_index("output_revision", "output", ["job", "revision"])
