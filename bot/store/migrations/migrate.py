"""Brings the tables to this version: in one transaction, by one process at a time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from bot.store.database.transactions import NOT_A_DATABASE, Database, without_password
from bot.store.errors import (
    DatabaseTooNew,
    DatabaseUnavailable,
    ForeignDatabase,
    OtherVersion,
)
from bot.store.tables import metadata

log = structlog.get_logger(__name__)

SCRIPTS = Path(__file__).parent
_LOCK = 0x6261746F6E
"""The name of our advisory lock in PostgreSQL: `baton`."""
_ALEMBIC = threading.Lock()
"""Alembic can handle one database at a time in a process; each SQLite file is upgraded in a
thread."""


def known_revisions() -> list[str]:
    """Return the numbers of the steps of this version, in order."""
    return sorted(path.name.partition("_")[0] for path in SCRIPTS.glob("versions/[0-9]*.py"))


async def upgrade(database: Database) -> None:
    """Bring the tables of `database` to this version.

    Raises DatabaseTooNew, without a change, if a newer version wrote them, and ForeignDatabase if
    they belong to another program.
    """
    revisions = known_revisions()
    try:
        found = await database.read(current_revision)
    except DatabaseUnavailable as error:
        if error.facts["reason"] in NOT_A_DATABASE:
            raise ForeignDatabase(
                url=without_password(database.url), reason=error.facts["reason"]
            ) from error
        raise
    except ForeignTables as error:
        raise ForeignDatabase(url=without_password(database.url), reason=str(error)) from None
    if found == revisions[-1]:
        return
    if found is None or found in revisions:
        found = await database.write(_upgrade)
    if found not in revisions:
        raise DatabaseTooNew(url=without_password(database.url), found=found, known=revisions[-1])


async def check_version(database: Database) -> None:
    """Raise OtherVersion if the tables of `database` are not of this version: nothing is changed in
    it then, and no file is made. Raises ForeignDatabase and DatabaseUnavailable."""
    url, known = without_password(database.url), known_revisions()[-1]
    file = Path(database.url.database or "")
    if database.url.get_backend_name() == "sqlite" and not await asyncio.to_thread(file.exists):
        raise OtherVersion(url=url, found="empty", known=known)
    try:
        found = await database.read(current_revision)
    except ForeignTables as error:
        raise ForeignDatabase(url=url, reason=str(error)) from None
    if found != known:
        raise OtherVersion(url=url, found=found or "empty", known=known)


class ForeignTables(Exception):
    """The tables belong to another program."""


def current_revision(connection: Connection) -> str | None:
    """Return the number of the last step that was done; None for an empty database.

    Raises ForeignTables.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        # a file is ours or not; in a database of a server others may have tables beside ours
        alone = connection.dialect.name == "sqlite"
        theirs = sorted(tables if alone else {*tables} & {*metadata.tables})
        if theirs:
            raise ForeignTables(f"it holds tables of another program ({', '.join(theirs[:5])})")
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and not (found.isdecimal() and len(found) == len(known_revisions()[0])):
        raise ForeignTables("it holds tables of another program, which Alembic keeps")
    return found


def _upgrade(connection: Connection) -> str | None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _LOCK})
    revisions = known_revisions()
    found = current_revision(connection)
    if found is not None and (found not in revisions or found == revisions[-1]):
        return found  # another bot held the lock before us
    # loaded only if there is something to do: Alembic takes 10 MB
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ALEMBIC if connection.dialect.name == "sqlite" else nullcontext():
        command.upgrade(config, "head")
    log.info("database upgraded", found=found, now=revisions[-1])
    return revisions[-1]
