"""Which ask of the front end an audit entry is about: whether a message began something already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and what finds an entry by it."""
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("audit", sa.Column("key", kind, nullable=False, server_default=""))
    op.create_index("audit_key", "audit", ["key"])
