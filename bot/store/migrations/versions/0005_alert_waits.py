"""Since when a post about alerts is wanted as it is, and what was told of it last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both. What is there counts as wanted since it was first wanted, and as told."""
    for name, kind in (("wanted", sa.BigInteger()), ("shown", sa.Integer())):
        op.add_column("alert_posts", sa.Column(name, kind, nullable=False, server_default="0"))
    op.execute("UPDATE alert_posts SET wanted = at, shown = revision")
