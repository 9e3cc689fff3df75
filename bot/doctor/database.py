"""Checks of the database. Nothing is changed in it: only a bot brings it up to its version."""

from __future__ import annotations

import asyncio
import os

from baton.errors import BatonError
from bot.doctor.finding import Finding, fail, note, ok
from bot.store.database import open_database, shown
from bot.store.migrate import current, known_revisions


async def database(url: str) -> Finding:
    """Whether it answers, and which version of the tables it holds. A file is not made."""
    try:
        opened = open_database(url)
    except BatonError as error:
        return fail("database", error)
    name, known = shown(opened.url), known_revisions()
    if opened.url.get_backend_name() == "sqlite" and not await asyncio.to_thread(
        os.path.exists, str(opened.url.database)
    ):
        return note("database", f"{name} is not there yet: the bot makes it when it starts")
    try:
        found = await opened.read(current)
    except BatonError as error:
        return fail("database", error, "start it, or mend [database] url (BATON_DATABASE_URL).")
    finally:
        await opened.close()
    if found is None:
        return note("database", f"{name} is empty: the bot makes its tables when it starts")
    if found not in known:
        return fail(
            "database",
            f"{name} is at version {found}, and this Baton knows {known[-1]}",
            "install the Baton that wrote it, or a newer one.",
        )
    if found != known[-1]:
        return note("database", f"{name} is at version {found}: the bot brings it to {known[-1]}")
    return ok("database", f"{name} is at version {found}")
