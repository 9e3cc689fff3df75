"""The chain of the audit log: the place of each entry and its hash, and the head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, and a chain without a link: the leader seals what there is."""
    op.add_column("audit", sa.Column("link", sa.BigInteger))
    op.add_column("audit", sa.Column("previous", KEY))
    op.add_column("audit", sa.Column("hash", KEY))
    op.create_index("audit_link", "audit", ["link"], unique=True)
    unsealed = sa.text("link IS NULL")
    op.create_index(
        "audit_unsealed", "audit", ["number"], sqlite_where=unsealed, postgresql_where=unsealed
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", KEY, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": ""}])
