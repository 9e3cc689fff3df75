"""A world of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.world import World
from tests.support.broker import Broker


@pytest.fixture
async def world(broker: Broker, tmp_path: Path) -> AsyncIterator[World]:
    """Slack and a bus; nobody is there yet."""
    async with World(broker, tmp_path) as made:
        yield made
