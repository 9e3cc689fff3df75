"""Requests to reload alerts.toml. Each bot has its own file, and reports the result."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from bot.store.database.sql import upsert
from bot.store.database.transactions import Database
from bot.store.tables.alert_tables import reloads

_REQUEST = ""
"""In place of a bot's name in the row of the request itself."""


class Reloads:
    """The requests in `database`, numbered. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_request(self) -> int:
        """Return the number of the last request; 0 if there was none."""
        statement = select(reloads.c.number).where(reloads.c.bot == _REQUEST)

        def read(connection: Connection) -> int:
            return connection.execute(statement).scalar() or 0

        return await self._database.read(read)

    async def request(self) -> int:
        """Request a reload of every bot; return its number. Reports about earlier ones are
        removed."""

        def ask(connection: Connection) -> int:
            insert = upsert(connection, reloads).values(bot=_REQUEST, number=1, problem="")
            again = {"number": reloads.c.number + 1}
            statement = insert.on_conflict_do_update(index_elements=[reloads.c.bot], set_=again)
            number: int = connection.execute(statement.returning(reloads.c.number)).scalar_one()
            connection.execute(delete(reloads).where(reloads.c.number < number))
            return number

        return await self._database.write(ask)

    async def report(self, bot: str, number: int, problem: str = "") -> None:
        """Store the result of the request `number` on `bot`: what is wrong with its file; empty if
        it uses the file now."""

        def say(connection: Connection) -> None:
            insert = upsert(connection, reloads)
            insert = insert.values(bot=bot, number=number, problem=problem)
            later = {"number": insert.excluded.number, "problem": insert.excluded.problem}
            connection.execute(
                insert.on_conflict_do_update(index_elements=[reloads.c.bot], set_=later)
            )

        await self._database.write(say)

    async def reports(self, number: int) -> dict[str, str]:
        """Return the results of that request or of later ones, by bot; empty if it uses its
        file."""
        statement = select(reloads).where(reloads.c.number >= number, reloads.c.bot != _REQUEST)

        def read(connection: Connection) -> dict[str, str]:
            return {row.bot: row.problem for row in connection.execute(statement)}

        return await self._database.read(read)
