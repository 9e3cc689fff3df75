"""Opens the database that a URL names."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.store.database.sqlite import Sqlite
from bot.store.database.transactions import Database, without_password
from bot.store.errors import UnusableUrl


def open_database(url: str) -> Database:
    """Return the database at `url`; nothing is connected yet. Raises UnusableUrl."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # the text is not repeated: it may hold a password that we do not recognize
        raise UnusableUrl(url="that was given", reason="it is not a URL") from None
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise UnusableUrl(url=without_password(parsed), reason="it names no file")
            return Sqlite(parsed.set(drivername="sqlite"))
        case "postgresql" | "postgres":
            # loaded only if it is needed: SQLAlchemy's asyncio layer takes 6 MB
            from bot.store.database.postgres import Postgres

            return Postgres(parsed.set(drivername="postgresql+asyncpg"))
        case other:
            raise UnusableUrl(url=without_password(parsed), reason=f"{other} is not supported")


def make_folder(url: URL) -> None:
    """Create the folder of the file that `url` names, for this user alone. Raises UnusableUrl."""
    folder = Path(url.database or "").absolute().parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"its folder {folder} cannot be created ({error.strerror})"
        raise UnusableUrl(url=without_password(url), reason=reason) from None
