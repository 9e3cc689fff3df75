"""Both buses, for the contract of Channel: in memory and over RabbitMQ."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.broker import Broker
from tests.support.buses import Bus, InMemory, OverRabbit


@pytest.fixture(params=["memory", "rabbitmq"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "memory":
        made = InMemory()
    else:
        broker: Broker = request.getfixturevalue("broker")
        made = OverRabbit(broker, request.getfixturevalue("amqp_url"))
    yield made
    await made.close()
