"""The tables of sign-ins to the console: one-use links, sessions and tokens, and passkeys. Of a
secret only its hash is stored, of a passkey its public key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Table, text

from bot.store.database.column_types import Instant, Key, Words
from bot.store.tables.schema import metadata

TOKENS = text("kind = 'token'")


def _whose() -> list[Column[Any]]:
    return [
        Column("directory", Key, nullable=False),
        Column("person_id", Key, nullable=False),
        Column("person_name", Words, nullable=False),
        Column("person_standing", Key, nullable=False),
        Column("created", Instant, nullable=False),
        Column("expires", Instant, nullable=False),
    ]


sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", Key, primary_key=True),
    *_whose(),
    Index("sign_in_links_expires", "expires"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", Key, primary_key=True),
    Column("hash", Key, nullable=False, unique=True),
    Column("kind", Key, nullable=False),
    # Of a token the name that its owner gave it, of a session the browser.
    Column("name", Key, nullable=False),
    Column("scope", Key, nullable=False),
    *_whose(),
    Column("used", Instant, nullable=False),
    Index("sign_ins_person", "directory", "person_id"),
    Index("sign_ins_expires", "expires"),
    # A person's tokens have different names.
    Index(
        "sign_ins_token",
        "directory",
        "person_id",
        "name",
        unique=True,
        sqlite_where=TOKENS,
        postgresql_where=TOKENS,
    ),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Key, primary_key=True),
    Column("directory", Key, nullable=False),
    Column("person_id", Key, nullable=False),
    Column("name", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("created", Instant, nullable=False),
    Index("passkeys_person", "directory", "person_id"),
)
