"""What nobody read any more: deliveries that were seen, and an index of posts on their way."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop both."""
    op.drop_table("envelopes")
    op.drop_index("posts_waiting", "posts")
