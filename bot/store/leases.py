"""Leases: which of several bots does what only one may do."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from bot.store.database.database_clock import DatabaseClock
from bot.store.database.sql import upsert
from bot.store.database.transactions import Database
from bot.store.tables.lease_table import leases

LEASE = "desk"
"""Held by the bot that leads. Bots of two versions exclude each other by it, so its name stays."""
STRANGERS = "slack strangers"
"""Held, with their number as the holder, while a bot knows of connections that use its Slack tokens
and belong to no bot of this database."""
_AHEAD = 60.0
"""Seconds by which the clock may be set back while a bot holds a lease. A lease is renewed long
before they are over."""


class Leases:
    """The leases in `database`, which end by `clock`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock

    async def take(
        self, name: str, holder: str, seconds: float, at: datetime | None = None
    ) -> bool:
        """Take the lease `name` for `seconds`, or renew it; return False while another holder has
        it.

        `at` is used instead of the current time, if it is given. A lease that ends far later than
        any that could be taken now was written while the clock was ahead: it counts as expired.
        """

        def take(connection: Connection) -> bool:
            moment = at or self._clock.now(connection)
            insert = upsert(connection, leases)
            statement = insert.values(
                name=name, holder=holder, until=moment + timedelta(seconds=seconds)
            ).on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={"holder": insert.excluded.holder, "until": insert.excluded.until},
                where=(leases.c.holder == insert.excluded.holder)
                | (leases.c.until <= moment)
                | (leases.c.until > moment + timedelta(seconds=_AHEAD + seconds)),
            )
            taken = connection.execute(statement.returning(leases.c.holder)).scalar()
            return taken is not None

        return await self._database.write(take)

    async def present(self, family: str, holder: str, seconds: float) -> int:
        """Announce for `seconds` that `holder` is running, as one of a `family` of many; return how
        many others are."""
        prefix = f"{family}/"

        def present(connection: Connection) -> int:
            moment = self._clock.now(connection)
            mine = leases.c.name == prefix + holder
            old = leases.c.name.startswith(prefix, autoescape=True) & (leases.c.until <= moment)
            connection.execute(delete(leases).where(mine | old))
            row = {"name": prefix + holder, "holder": holder}
            until = moment + timedelta(seconds=seconds)
            connection.execute(insert(leases).values(**row, until=until))
            every = select(func.count()).where(
                leases.c.name.startswith(prefix, autoescape=True), ~mine
            )
            return int(connection.execute(every).scalar_one())

        return await self._database.write(present)

    async def release(self, name: str, holder: str) -> None:
        """Release the lease, if `holder` has it."""

        def release(connection: Connection) -> None:
            held = (leases.c.name == name, leases.c.holder == holder)
            connection.execute(delete(leases).where(*held))

        await self._database.write(release)

    async def holder(self, name: str) -> str:
        """Return who has the lease; empty if nobody does."""

        def read(connection: Connection) -> str:
            held = (leases.c.name == name, leases.c.until > self._clock.now(connection))
            return connection.execute(select(leases.c.holder).where(*held)).scalar() or ""

        return await self._database.read(read)
