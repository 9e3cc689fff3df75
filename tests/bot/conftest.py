"""A store of the test's own, cheaply: the tables are made once a session, and copied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.bot.world import Stage
from tests.support.tables import sqlite_file


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of an empty database."""
    file = tmp_path / "baton.db"
    file.write_bytes(sqlite_file())
    return f"sqlite:///{file}"


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """The store in it."""
    opened = await Store.open(database)
    yield opened
    await opened.close()


@pytest.fixture
async def stage(store: Store) -> AsyncIterator[Stage]:
    """A bus and a chat for that store."""
    made = Stage(store)
    yield made
    await made.close()
