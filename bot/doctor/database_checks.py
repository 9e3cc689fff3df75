"""The checks of the database. Nothing in it is changed: only a bot upgrades it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from baton.errors import BatonError
from bot.doctor.check_result import CheckResult, fail, note, ok
from bot.store.database.open import open_database
from bot.store.database.transactions import without_password
from bot.store.migrations.migrate import ForeignTables, current_revision, known_revisions


async def database(url: str) -> CheckResult:
    """Check whether it answers, and the version of its tables. No file is created."""
    try:
        opened = open_database(url)
    except BatonError as error:
        return fail("database", error)
    name, known = without_password(opened.url), known_revisions()
    if opened.url.get_backend_name() == "sqlite":
        unmade = await asyncio.to_thread(_unmade, Path(str(opened.url.database)), name)
        if unmade is not None:
            return unmade
    try:
        found = await opened.read(current_revision)
    except ForeignTables as error:
        return fail("database", f"{name}: {error}", "set another one in [database] url.")
    except BatonError as error:
        return fail("database", error, "start it, or correct [database] url (BATON_DATABASE_URL).")
    finally:
        await opened.close()
    if found is None:
        return note("database", f"{name} is empty: the bot creates its tables when it starts")
    if found not in known:
        return fail(
            "database",
            f"{name} is at version {found}; this Baton knows versions up to {known[-1]}",
            "install the version of Baton that wrote it, or a newer one.",
        )
    if found != known[-1]:
        return note("database", f"{name} is at version {found}: the bot upgrades it to {known[-1]}")
    return ok("database", f"{name} is at version {found}")


def _unmade(file: Path, name: str) -> CheckResult | None:
    """Check whether the bot can create the file; None if it exists."""
    if file.exists():
        return None
    folder = file.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent  # the bot creates those below it
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return note("database", f"{name} does not exist yet: the bot creates it when it starts")
    reason = f"cannot write to {folder}" if folder.is_dir() else f"{folder} is not a folder"
    fix = f"make it a folder that user {os.geteuid()}, which the bot runs as, may write to."
    return fail("database", f"{name} cannot be created: {reason}", fix)
