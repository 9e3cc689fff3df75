"""The passkeys of people: what a browser needs to find them, and their public keys. A private key
never leaves the authenticator that made it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from baton.bus.signing.passkey import Passkey, of_blob
from baton.errors import BatonError
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.sql import AnyRow
from bot.store.database.transactions import Database
from bot.store.tables.sign_in_tables import passkeys

MAX_PASSKEYS = 20
"""Passkeys of one person."""


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    """A passkey that somebody added. `id` is what browsers call it, in base 64 for addresses."""

    id: str
    key: Passkey
    created: datetime


class PasskeyKnown(BatonError):
    """This passkey is here already: somebody has added it."""

    permanent = True


class TooManyPasskeys(BatonError):
    """You already have {count} passkeys, and that is the limit. Remove one that is not used any
    more."""

    permanent = True


class PasskeyStore:
    """The passkeys in `database`, since when by `clock`. Every method raises
    DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, directory: str, person: str, id: str, key: Passkey) -> None:
        """Keep a passkey of a person. Raises PasskeyKnown or TooManyPasskeys."""

        def write(connection: Connection) -> None:
            mine = _of(directory, person)
            count = connection.execute(select(func.count()).where(*mine)).scalar_one()
            if count >= MAX_PASSKEYS:
                raise TooManyPasskeys(count=count)
            there = select(passkeys.c.id).where(passkeys.c.id == id)
            if connection.execute(there).one_or_none() is not None:
                raise PasskeyKnown
            values = {
                "id": id,
                "directory": directory,
                "person_id": person,
                "name": key.name,
                "key": base64.b64encode(key.blob).decode(),
                "created": self._clock.now(connection),
            }
            connection.execute(insert(passkeys).values(values))

        await self._database.write(write)

    async def of_person(self, directory: str, person: str) -> list[StoredPasskey]:
        """Return the passkeys of a person, the oldest first."""

        def read(connection: Connection) -> list[StoredPasskey]:
            mine = select(passkeys).where(*_of(directory, person))
            ordered = mine.order_by(passkeys.c.created, passkeys.c.id)
            return [found for row in connection.execute(ordered) for found in _passkey(row)]

        return await self._database.read(read)

    async def remove(self, directory: str, person: str, id: str) -> bool:
        """Remove a passkey of a person; return whether they had it."""

        def write(connection: Connection) -> bool:
            mine = delete(passkeys).where(*_of(directory, person), passkeys.c.id == id)
            return connection.execute(mine).rowcount > 0

        return await self._database.write(write)


def _of(directory: str, person: str) -> tuple[Any, ...]:
    return passkeys.c.directory == directory, passkeys.c.person_id == person


def _passkey(row: AnyRow) -> list[StoredPasskey]:
    """Return the passkey in `row`; none if another version wrote what we cannot read."""
    try:
        key = of_blob(row.key, row.name)
    except ValueError:
        return []
    return [StoredPasskey(row.id, key, row.created)] if isinstance(key, Passkey) else []
