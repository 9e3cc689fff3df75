"""Asks to read alerts.toml again. Each bot has a file of its own, and says what came of it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from bot.store.database.sql import upsert
from bot.store.database.transactions import Database
from bot.store.tables.alert_tables import reloads

_REQUEST = ""
"""Stands for a bot's name in the row of the ask itself."""


class Reloads:
    """The asks in `database`, numbered. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_request(self) -> int:
        """The number of the last ask; 0 if there was none."""
        statement = select(reloads.c.number).where(reloads.c.bot == _REQUEST)

        def read(connection: Connection) -> int:
            return connection.execute(statement).scalar() or 0

        return await self._database.read(read)

    async def request(self) -> int:
        """Ask every bot; the number of this ask. What was said of those before is forgotten."""

        def ask(connection: Connection) -> int:
            insert = upsert(connection, reloads).values(bot=_REQUEST, number=1, problem="")
            again = {"number": reloads.c.number + 1}
            statement = insert.on_conflict_do_update(index_elements=[reloads.c.bot], set_=again)
            number: int = connection.execute(statement.returning(reloads.c.number)).scalar_one()
            connection.execute(delete(reloads).where(reloads.c.number < number))
            return number

        return await self._database.write(ask)

    async def report(self, bot: str, number: int, problem: str = "") -> None:
        """What `bot` has to say of the ask of that `number`: what is wrong with its file, or that
        it goes by it."""

        def say(connection: Connection) -> None:
            insert = upsert(connection, reloads)
            insert = insert.values(bot=bot, number=number, problem=problem)
            later = {"number": insert.excluded.number, "problem": insert.excluded.problem}
            connection.execute(
                insert.on_conflict_do_update(index_elements=[reloads.c.bot], set_=later)
            )

        await self._database.write(say)

    async def reports(self, number: int) -> dict[str, str]:
        """What was said of that ask or a later one, by bot; empty if it goes by its file."""
        statement = select(reloads).where(reloads.c.number >= number, reloads.c.bot != _REQUEST)

        def read(connection: Connection) -> dict[str, str]:
            return {row.bot: row.problem for row in connection.execute(statement)}

        return await self._database.read(read)
