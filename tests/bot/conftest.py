"""A store of the test's own, cheaply: the tables are made once a session, and copied. So are the
templates of the console, and each test's app ends with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import fastapi.dependencies.models
import jinja2
import pytest
from jinja2.bccache import Bucket

from bot.store import Store
from bot.web.console.pages import rendering
from tests.bot.world import Stage
from tests.support.tables import sqlite_file

REMEMBERED = [
    found for found in vars(fastapi.dependencies.models).values() if hasattr(found, "cache_clear")
]
"""What FastAPI keeps of functions that it has seen, and with them of the apps of some 80 tests."""


class Compiled(jinja2.BytecodeCache):
    """Templates that were compiled, by their text."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the code of the template of `bucket`, if it is there and the text is the same."""
        if bucket.key in self._codes:
            bucket.bytecode_from_string(self._codes[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._codes[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once() -> Iterator[None]:
    """A console of its own for each test would compile each template anew, for 20 ms."""
    environment = partial(jinja2.Environment, bytecode_cache=Compiled())
    with patch.object(rendering, "Environment", environment):
        yield


@pytest.fixture(autouse=True)
def _apps_end() -> Iterator[None]:
    """No test keeps the app of another: the collector of garbage would walk them all."""
    yield
    for cache in REMEMBERED:
        cache.cache_clear()


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
