from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.web import Answering, answering


@pytest.fixture
async def shop() -> AsyncIterator[Answering]:
    async with answering() as made:
        yield made
