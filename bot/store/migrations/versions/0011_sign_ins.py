"""Who is signed in to the console: one-use links, sessions and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TOKENS = sa.text("kind = 'token'")


def upgrade() -> None:
    """Make both tables."""
    op.create_table("sign_in_links", sa.Column("hash", KEY, primary_key=True), *_whose())
    op.create_index("sign_in_links_expires", "sign_in_links", ["expires"])
    op.create_table(
        "sign_ins",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("hash", KEY, nullable=False, unique=True),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("scope", KEY, nullable=False),
        *_whose(),
        sa.Column("used", sa.BigInteger(), nullable=False),
    )
    op.create_index("sign_ins_person", "sign_ins", ["directory", "person_id"])
    op.create_index("sign_ins_expires", "sign_ins", ["expires"])
    op.create_index(
        "sign_ins_token",
        "sign_ins",
        ["directory", "person_id", "name"],
        unique=True,
        sqlite_where=TOKENS,
        postgresql_where=TOKENS,
    )


def _whose() -> list[sa.Column[object]]:
    return [
        sa.Column("directory", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("person_standing", KEY, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    ]
