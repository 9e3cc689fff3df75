"""Sign-ins: links that sign somebody in once, and the sessions and tokens of those who are."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from baton.bus.messages import Person, new_id
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.sql import AnyRow, upsert
from bot.store.database.transactions import Database
from bot.store.errors import DatabaseUnavailable
from bot.store.sign_ins.secrets import hash_of, new_secret
from bot.store.sign_ins.sign_in import (
    Kind,
    NameInUse,
    Scope,
    SignIn,
    SignInOwner,
    TooManyTokens,
)
from bot.store.tables.sign_in_tables import TOKENS, sign_in_links, sign_ins

LINK_LIFE = timedelta(seconds=60)
"""How long a link signs in."""
SESSION_LIFE = timedelta(days=14)
"""How long a browser stays signed in. It is long because nobody can sign in while Slack is down,
and that is when the console is needed most. A session can be revoked at any time."""
MAX_SESSIONS = 20
"""Sessions of one person. Beyond, the one that was not used for the longest time ends."""
MAX_TOKENS = 20
"""Tokens of one person."""
USED_INTERVAL = timedelta(minutes=5)
"""How exactly it is recorded when a session or a token was last used."""
MAX_NAME = 100
"""Characters of a name that are stored."""


class SignInStore:
    """The sign-ins in `database`, which end by `clock`. Every method raises DatabaseUnavailable.

    A secret is returned once, to be given to its owner; only its hash is stored.
    """

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock

    async def new_link(self, owner: SignInOwner) -> str:
        """Return the secret of a link that signs `owner` in, once, within LINK_LIFE."""
        secret = new_secret()

        def write(connection: Connection) -> None:
            at = self._clock.now(connection)
            row = {"hash": hash_of(secret), **_whose(owner, at, LINK_LIFE)}
            connection.execute(insert(sign_in_links).values(row))

        await self._database.write(write)
        return secret

    async def link_owner(self, secret: str) -> SignInOwner | None:
        """Return whom the link of `secret` signs in; None if it is used, over or unknown. It stays
        as it is."""
        hashed = hash_of(secret)
        if not hashed:
            return None

        def read(connection: Connection) -> SignInOwner | None:
            good = (
                sign_in_links.c.hash == hashed,
                sign_in_links.c.expires > self._clock.now(connection),
            )
            row = connection.execute(select(sign_in_links).where(*good)).one_or_none()
            return None if row is None else _owner(row)

        return await self._database.read(read)

    async def redeem(self, link: str, browser: str) -> tuple[str, SignIn] | None:
        """Use up the link, and return the secret of a new session of its owner in `browser`; None
        if the link is used, over or unknown.

        The row of the link is deleted by whoever gets it, in the transaction that makes the
        session: of two at once one has a session.
        """
        hashed, secret = hash_of(link), new_secret()
        if not hashed:
            return None

        def write(connection: Connection) -> SignIn | None:
            at = self._clock.now(connection)
            good = (sign_in_links.c.hash == hashed, sign_in_links.c.expires > at)
            taken = delete(sign_in_links).where(*good).returning(*sign_in_links.c)
            row = connection.execute(taken).one_or_none()
            if row is None:
                return None
            return _start_session(connection, _owner(row), secret, browser, at)

        session = await self._database.write(write)
        return None if session is None else (secret, session)

    async def new_session(self, owner: SignInOwner, browser: str) -> tuple[str, SignIn]:
        """Return the secret of a new session of `owner`, whom somebody else vouches for."""
        secret = new_secret()

        def write(connection: Connection) -> SignIn:
            at = self._clock.now(connection)
            return _start_session(connection, owner, secret, browser, at)

        return secret, await self._database.write(write)

    async def new_token(
        self, owner: SignInOwner, name: str, scope: Scope, life: timedelta
    ) -> tuple[str, SignIn]:
        """Return the secret of a new token of `owner`. Raises NameInUse or TooManyTokens."""
        secret = new_secret()

        def write(connection: Connection) -> SignIn:
            at = self._clock.now(connection)
            mine = _of(owner.directory, owner.person.id, "token")
            connection.execute(delete(sign_ins).where(*mine, sign_ins.c.expires <= at))
            count = connection.execute(select(func.count()).where(*mine)).scalar_one()
            if count >= MAX_TOKENS:
                raise TooManyTokens(count=count)
            row = _row(secret, "token", name, scope, owner, at, life)
            statement = upsert(connection, sign_ins).values(row)
            token = ["directory", "person_id", "name"]
            unique = statement.on_conflict_do_nothing(index_elements=token, index_where=TOKENS)
            added = connection.execute(unique.returning(*sign_ins.c)).one_or_none()
            if added is None:
                raise NameInUse(name=name)
            return _sign_in(added)

        return secret, await self._database.write(write)

    async def find(self, secret: str) -> SignIn | None:
        """Return the session or the token that `secret` belongs to, as long as it is good. That it
        was used is recorded every USED_INTERVAL, if the database can be written."""
        hashed = hash_of(secret)
        if not hashed:
            return None

        def read(connection: Connection) -> tuple[SignIn, bool] | None:
            at = self._clock.now(connection)
            good = (sign_ins.c.hash == hashed, sign_ins.c.expires > at)
            row = connection.execute(select(sign_ins).where(*good)).one_or_none()
            return None if row is None else (_sign_in(row), at - row.used >= USED_INTERVAL)

        def touch(connection: Connection) -> None:
            used = update(sign_ins).where(sign_ins.c.hash == hashed)
            connection.execute(used.values(used=self._clock.now(connection)))

        found = await self._database.read(read)
        if found is None:
            return None
        sign_in, long_ago = found
        if long_ago:
            with contextlib.suppress(DatabaseUnavailable):
                await self._database.write(touch)
        return sign_in

    async def of_person(
        self, directory: str, person: str, kind: Kind | None = None
    ) -> list[SignIn]:
        """Return the sessions and tokens of a person that are good, the last used first."""

        def read(connection: Connection) -> list[SignIn]:
            good = sign_ins.c.expires > self._clock.now(connection)
            mine = select(sign_ins).where(*_of(directory, person, kind), good)
            return [_sign_in(row) for row in connection.execute(_last_used_first(mine))]

        return await self._database.read(read)

    async def revoke(self, directory: str, person: str, id: str) -> SignIn | None:
        """End the session or the token `id` of a person. Return it; None if they have none of that
        id."""
        return await self._end(directory, person, sign_ins.c.id == id)

    async def revoke_token(self, directory: str, person: str, name: str) -> SignIn | None:
        """End the token of a person that is called `name`. Return it; None if they have none."""
        named = (sign_ins.c.kind == "token") & (sign_ins.c.name == name)
        return await self._end(directory, person, named)

    async def prune(self) -> None:
        """Remove what has expired."""

        def write(connection: Connection) -> None:
            at = self._clock.now(connection)
            for table in (sign_in_links, sign_ins):
                connection.execute(delete(table).where(table.c.expires <= at))

        await self._database.write(write)

    async def _end(self, directory: str, person: str, which: Any) -> SignIn | None:
        def write(connection: Connection) -> SignIn | None:
            ended = delete(sign_ins).where(*_of(directory, person), which).returning(*sign_ins.c)
            row = connection.execute(ended).one_or_none()
            return None if row is None else _sign_in(row)

        return await self._database.write(write)


def _start_session(
    connection: Connection, owner: SignInOwner, secret: str, browser: str, at: datetime
) -> SignIn:
    mine = _of(owner.directory, owner.person.id, "session")
    oldest = _last_used_first(select(sign_ins.c.id).where(*mine)).offset(MAX_SESSIONS - 1)
    for id in connection.execute(oldest).scalars().all():
        connection.execute(delete(sign_ins).where(sign_ins.c.id == id))
    row = _row(secret, "session", browser, "ask", owner, at, SESSION_LIFE)
    added = connection.execute(insert(sign_ins).values(row).returning(*sign_ins.c)).one()
    return _sign_in(added)


def _last_used_first(rows: Select[Any]) -> Select[Any]:
    return rows.order_by(sign_ins.c.used.desc(), sign_ins.c.created.desc(), sign_ins.c.id)


def _of(directory: str, person: str, kind: Kind | None = None) -> tuple[Any, ...]:
    whose = (sign_ins.c.directory == directory, sign_ins.c.person_id == person)
    return whose if kind is None else (*whose, sign_ins.c.kind == kind)


def _whose(owner: SignInOwner, at: datetime, life: timedelta) -> dict[str, object]:
    return {
        "directory": owner.directory,
        "person_id": owner.person.id,
        "person_name": owner.person.name,
        "person_standing": owner.person.standing,
        "created": at,
        "expires": at + life,
    }


def _row(
    secret: str,
    kind: Kind,
    name: str,
    scope: Scope,
    owner: SignInOwner,
    at: datetime,
    life: timedelta,
) -> dict[str, object]:
    return {
        "id": new_id(),
        "hash": hash_of(secret),
        "kind": kind,
        "name": name[:MAX_NAME],
        "scope": scope,
        **_whose(owner, at, life),
        "used": at,
    }


def _owner(row: AnyRow) -> SignInOwner:
    person = Person(id=row.person_id, name=row.person_name, standing=row.person_standing)
    return SignInOwner(person, row.directory)


def _sign_in(row: AnyRow) -> SignIn:
    return SignIn(
        row.id,
        row.kind,
        row.name,
        row.scope,
        _owner(row),
        row.created,
        row.expires,
        row.used,
    )
