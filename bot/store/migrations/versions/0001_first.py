"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _audit()
    _envelopes()
    _jobs()
    _leases()
    _posts()
    _servers()
    _outbox()
    _output()
    _runs()


def _index(name: str, table: str, columns: list[str], where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _untold() -> None:
    op.create_index(
        "jobs_untold",
        "jobs",
        ["asked"],
        sqlite_where=sa.text("told = 0"),
        postgresql_where=sa.text("NOT told"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("front", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("place_name", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("job", KEY, nullable=False),
        sa.Column("environment", KEY, nullable=False),
    )
    _index("audit_environment", "audit", ["environment", "time"])
    _index("audit_person", "audit", ["person_id", "time"])
    _index("audit_time", "audit", ["time"])


def _envelopes() -> None:
    op.create_table(
        "envelopes",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    _index("envelopes_at", "envelopes", ["at"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("environment", KEY, nullable=False),
        sa.Column("app", sa.Text(), nullable=True),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("front", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("place_name", sa.Text(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("canceller_id", sa.Text(), nullable=True),
        sa.Column("canceller_name", sa.Text(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("broadcast", sa.Boolean(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("waits_until", sa.BigInteger(), nullable=True),
    )
    _index("jobs_asked", "jobs", ["asked"])
    _index("jobs_closed", "jobs", ["closed"], "closed IS NOT NULL")
    _index("jobs_environment", "jobs", ["environment", "asked"])
    _untold()
    _index("jobs_waiting", "jobs", ["waits_until"], "closed IS NULL AND waits_until IS NOT NULL")


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", KEY, primary_key=True),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )


def _posts() -> None:
    op.create_table(
        "posts",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("job", KEY, nullable=False),
        sa.Column("front", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("ref", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    _index("posts_job", "posts", ["job"])
    _index("posts_ref", "posts", ["front", "channel", "ref"])
    _index("posts_thread", "posts", ["front", "channel", "thread"])
    _index("posts_waiting", "posts", ["at"], "status IN ('waiting', 'sending')")


def _servers() -> None:
    op.create_table(
        "servers",
        sa.Column("host", KEY, primary_key=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Float(), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", KEY, nullable=False, unique=True),
        sa.Column("job", KEY, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("host", KEY, nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    _index("outbox_job", "outbox", ["job"])


def _output() -> None:
    op.create_table(
        "output",
        sa.Column("job", KEY, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("host", KEY, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", "host", "attempt", "ends"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("job", KEY, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("host", KEY, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("timeout", sa.Float(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("late", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "host", "attempt"),
    )
    _index("runs_open", "runs", ["ends_at"], "ends_at IS NOT NULL")
    _index("runs_open_of_job", "runs", ["job"], "ends_at IS NOT NULL")
