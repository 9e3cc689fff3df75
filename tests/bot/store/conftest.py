"""Every test of the store runs over both databases that it knows, for real."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import bot.store.database.postgres
import bot.store.database.sqlite
from bot.store import Store

LONG_TIMEOUT = 30.0
"""Seconds to wait for a lock: nobody here tries again, and a machine may stand still a while."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of the test's own, with its tables."""
    kind = "database" if request.param == "sqlite" else "postgres_database"
    found: str = request.getfixturevalue(kind)
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
