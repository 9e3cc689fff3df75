"""`connect`: the channel that a URL asks for, over RabbitMQ or in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from baton.bus.channel import Channel, Link
from baton.bus.urls import check_urls, split_urls
from baton.errors import SettingsError


async def connect(
    urls: str | Sequence[str], *, name: str = "baton", owner: bool = False
) -> Channel:
    """A channel to the first of `urls` that answers; `name` is shown in the broker's own list.

    `amqp://` and `amqps://` are RabbitMQ, several URLs a pool tried in turn; `memory://NAME` is the
    bus of that name in this process (`memory://ACCOUNT@NAME`: as that account). An `owner`, which
    the bot is, makes sure of the exchanges and of the queue of dead letters; others need no right
    to make them. Returns at once with a link that may still be down: a broker that is away is
    waited for. Raises SettingsError for a URL that is none of these.
    """
    pool = split_urls(urls) if isinstance(urls, str) else list(urls)
    try:
        check_urls(pool)
    except ValueError as error:
        raise SettingsError(
            file="BATON_BUS_URL or [bus] url",
            key="url",
            problem="it is no URL that Baton can use",
            must=str(error),
        ) from None
    if pool[0].lower().startswith("memory:"):
        from baton.bus.memory.channel import MemoryChannel

        return MemoryChannel(pool[0])
    from baton.bus.amqp import AmqpChannel

    return await AmqpChannel.open(pool, name=name, owner=owner)


async def link_comes_up(channel: Channel, within: float) -> bool:
    """Whether the link comes up within so many seconds; at once False if it is refused for good."""
    tasks = {asyncio.create_task(channel.wait_up()), asyncio.create_task(_refused(channel))}
    try:
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return channel.link is not Link.DOWN


async def _refused(channel: Channel) -> None:
    await channel.refused(0.0)
