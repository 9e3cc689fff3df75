"""The tables of jobs: their runs, what is to be sent, what servers said, and the audit log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    false,
    text,
)

from bot.store.database.column_types import Counter, Instant, Json, Key, Words
from bot.store.tables.schema import metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Key, nullable=False, unique=True),
    Column("command", Words, nullable=False),
    Column("arguments", Json, nullable=False),
    Column("title", Words, nullable=False),
    Column("environment", Key, nullable=False),
    Column("app", Words),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("front", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("place_name", Words, nullable=False),
    Column("asked", Instant, nullable=False),
    Column("closed", Instant),
    Column("canceller_id", Words),
    Column("canceller_name", Words),
    Column("told", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("under", Key, nullable=False, server_default=""),
    Column("hidden", Boolean, nullable=False, server_default=false()),
    # What it waits for, or waited for, before it starts; empty if for nothing. What people approve.
    Column("hold", Json, nullable=False, server_default="{}"),
    Column("plan", Json, nullable=False, server_default="{}"),
    Column("plan_digest", Words, nullable=False, server_default=""),
    # Whether it goes through its servers in waves, and has to be looked after.
    Column("rolling", Boolean, nullable=False, server_default=false()),
    # Of a broadcast: what a run that joins later is given, and how long to wait for one at least.
    Column("broadcast", Boolean, nullable=False),
    Column("deadline", Instant),
    Column("timeout", Float),
    Column("sent", Instant),
    Column("waits_until", Instant),
    Index("jobs_asked", "asked"),
    Index("jobs_environment", "environment", "asked"),
    Index("jobs_untold", "asked", sqlite_where=text("told = 0"), postgresql_where=text("NOT told")),
    Index(
        "jobs_waiting",
        "waits_until",
        sqlite_where=text("closed IS NULL AND waits_until IS NOT NULL"),
        postgresql_where=text("closed IS NULL AND waits_until IS NOT NULL"),
    ),
    Index("jobs_rolling", "id", sqlite_where=text("rolling = 1"), postgresql_where=text("rolling")),
    Index(
        "jobs_closed",
        "closed",
        sqlite_where=text("closed IS NOT NULL"),
        postgresql_where=text("closed IS NOT NULL"),
    ),
)

runs = Table(
    "runs",
    metadata,
    Column("job", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("host", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("request", Words, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("timeout", Float, nullable=False),
    Column("state", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("step", Words, nullable=False),
    Column("percent", Integer),
    Column("sequence", BigInteger, nullable=False),
    Column("sent", Instant),
    Column("started", Instant),
    Column("finished", Instant),
    Column("facts", Json, nullable=False),
    Column("late", Words),
    # When the ledger closes it by itself; null once it has ended.
    Column("ends_at", Instant),
    # Of its output so far: lines, and characters.
    Column("lines", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Of a work queue: how often it is started again if its worker dies; null for a server.
    Column("retries", Integer),
    # Whether a later attempt took its place.
    Column("retried", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("job", "host", "attempt"),
    Index(
        "runs_open",
        "ends_at",
        sqlite_where=text("ends_at IS NOT NULL"),
        postgresql_where=text("ends_at IS NOT NULL"),
    ),
    Index(
        "runs_open_of_job",
        "job",
        sqlite_where=text("ends_at IS NOT NULL"),
        postgresql_where=text("ends_at IS NOT NULL"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("id", Key, nullable=False, unique=True),
    Column("job", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("host", Key, nullable=False),
    Column("exchange", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("message", Words, nullable=False),
    Column("mandatory", Boolean, nullable=False),
    Column("deadline", Instant, nullable=False),
    # Of a work queue: whether it may have been sent, so that it is not sent again.
    Column("tried", Boolean, nullable=False, server_default=false()),
    Index("outbox_job", "job"),
)

output = Table(
    "output",
    metadata,
    Column("job", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("host", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    # Characters and lines of the run's output up to and with this piece.
    Column("ends", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("time", Instant, nullable=False),
    Column("level", Words, nullable=False),
    Column("step", Words, nullable=False),
    Column("text", Words, nullable=False),
    # The job's revision of the transaction that wrote it; 0 if a Baton before revision 0010 did.
    Column("revision", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("job", "host", "attempt", "ends"),
    Index("output_revision", "job", "revision"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("time", Instant, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("person_name", Words, nullable=False),
    Column("front", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("thread", Words, nullable=False),
    Column("place_name", Words, nullable=False),
    Column("words", Words, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("job", Key, nullable=False),
    Column("environment", Key, nullable=False),
    Column("key", Key, nullable=False, server_default=""),
    # Its place in the chain, the hash before it, and its own; null until it is sealed.
    Column("link", BigInteger),
    Column("previous", Key),
    Column("hash", Key),
    Index("audit_time", "time"),
    Index("audit_person", "person_id", "time"),
    Index("audit_environment", "environment", "time"),
    Index("audit_key", "key"),
    Index("audit_link", "link", unique=True),
    Index(
        "audit_unsealed",
        "number",
        sqlite_where=text("link IS NULL"),
        postgresql_where=text("link IS NULL"),
    ),
)

# One row: the last link of the chain of audit entries.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Key, nullable=False),
)
