"""A store of the test's own, cheaply: the tables are made once a session, and copied."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.bot.world import Stage
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of this version."""
    file = tmp_path_factory.mktemp("template") / "baton.db"
    _make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(template: Path, tmp_path: Path) -> str:
    """The URL of an empty database."""
    file = tmp_path / "baton.db"
    shutil.copy(template, file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def postgres_template(session_postgres: Postgres) -> str:
    """The name of one in PostgreSQL, to be copied."""
    session_postgres.start_now()
    url = session_postgres.database()
    _make_tables(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_database(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """The URL of an empty database in PostgreSQL."""
    url = postgres.database(postgres_template)
    yield url
    if postgres.running:
        postgres.drop(url)


def _make_tables(url: str) -> None:
    async def make() -> None:
        await (await Store.open(url)).close()

    asyncio.run(make())


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
