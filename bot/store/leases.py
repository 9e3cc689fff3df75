"""Leases: which of several bots does a thing that one alone must do."""

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
"""Held, by their number, while a bot knows of connections with its Slack tokens that are no bot's
of this ledger."""


_AHEAD = 60.0
"""Seconds by which the clock may be set back while a bot holds a lease: that is renewed long before
they are over."""


class Leases:
    """The leases in `database`, which end by `clock`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock

    async def take(
        self, name: str, holder: str, seconds: float, at: datetime | None = None
    ) -> bool:
        """Take the lease `name` for `seconds`, or renew it; False while another holder has it.

        `at` stands for the time of now, where that is given. A lease that ends far later than any
        that is taken now was written while the clock was ahead: it is nobody's.
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
        """Say that `holder` is there, for `seconds`, as one of a `family` of which there may be
        many; how many others are there."""
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
        """Give the lease back, if `holder` has it."""

        def release(connection: Connection) -> None:
            held = (leases.c.name == name, leases.c.holder == holder)
            connection.execute(delete(leases).where(*held))

        await self._database.write(release)

    async def holder(self, name: str) -> str:
        """Who has the lease; empty if nobody has."""

        def read(connection: Connection) -> str:
            held = (leases.c.name == name, leases.c.until > self._clock.now(connection))
            return connection.execute(select(leases.c.holder).where(*held)).scalar() or ""

        return await self._database.read(read)
