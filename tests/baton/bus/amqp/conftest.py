"""Channels over the tests' RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from baton.bus.amqp import AmqpChannel
from tests.baton.bus.amqp.inbox import Opener


@pytest.fixture
async def open_channel(amqp_url: str) -> AsyncIterator[Opener]:
    """Opens channels to the test's virtual host (or to `urls`), with their link up."""
    opened: list[AmqpChannel] = []

    async def opener(
        urls: list[str] | None = None, *, watch_every: float = 15.0, up: bool = True
    ) -> AmqpChannel:
        name = f"agent {amqp_url.rpartition('/')[2]}"
        channel = await AmqpChannel.open(
            urls or [amqp_url], name=name, watch_every=watch_every, owner=True
        )
        opened.append(channel)
        if up:
            await asyncio.wait_for(channel.wait_up(), 60)
        return channel

    yield opener
    for channel in opened:
        await channel.close()
