"""Databases with the tables of this version and nothing in them: made once, and copied."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from functools import cache
from pathlib import Path

from bot.store import Store

_MAKING = threading.Lock()


def make_tables(url: str) -> None:
    """Run every migration. Where a loop runs, call it in a thread."""

    async def make() -> None:
        await (await Store.open(url)).close()

    asyncio.run(make())


def sqlite_file() -> bytes:
    """What an SQLite file with the tables holds."""
    with _MAKING:  # worlds that begin together would each make it
        return _made()


@cache
def _made() -> bytes:
    with tempfile.TemporaryDirectory(prefix="baton-tables-") as folder:
        file = Path(folder) / "baton.db"
        make_tables(f"sqlite:///{file}")
        return file.read_bytes()
