from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.agent.journal import SqliteJournal
from baton.bus.channel import Channel
from tests.baton.stage import Stage
from tests.support.buses import Bus, InMemory, OverRabbit


@pytest.fixture(params=["memory", "rabbitmq"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "memory":
        made = InMemory()
    else:
        made = OverRabbit(request.getfixturevalue("broker"), request.getfixturevalue("amqp_url"))
    yield made
    await made.close()


@pytest.fixture
async def channel(bus: Bus) -> Channel:
    return await bus.open("agent")


@pytest.fixture
async def stage(bus: Bus) -> Stage:
    made = Stage(await bus.open("bot"))
    await made.listen()
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    made = await SqliteJournal.open(path)
    yield made
    await made.close()
