"""Every test of the store runs over both databases that it knows, for real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bot.store.database.postgres
import bot.store.database.sqlite
from bot.store import Store

LONG_TIMEOUT = 30.0
"""Seconds to wait for a lock: nobody here tries again, and a machine may stand still a while."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/baton.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
async def store(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """The store in that database."""
    for kind in (bot.store.database.postgres, bot.store.database.sqlite):
        monkeypatch.setattr(kind, "LOCK_TIMEOUT", LONG_TIMEOUT)
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: Store, url: str) -> AsyncIterator[Store]:
    """A second bot's store in the same database."""
    opened = await Store.open(url)
    yield opened
    await opened.close()
