"""`connect` opens the channel that a URL asks for: over RabbitMQ or in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from baton.bus.channel import Channel, Link
from baton.bus.urls import check_urls, split_urls
from baton.errors import SettingsError


async def connect(
    urls: str | Sequence[str], *, name: str = "baton", owner: bool = False, worker: bool = False
) -> Channel:
    """Return a channel to the first of `urls` that answers.

    `amqp://` and `amqps://` are RabbitMQ; several URLs are a pool, tried in turn. `memory://NAME`
    is the bus of that name in this process (`memory://ACCOUNT@NAME`: as that account). The broker
    shows `name` in its list of connections. An `owner`, which the bot is, creates the exchanges and
    the queue of dead letters; others need no permission to create them. A `worker` needs the
    exchanges of work too, and creates what is missing. Returns at once, with a link that may still
    be down: the channel waits for a broker that is away. Raises SettingsError for an invalid URL.
    """
    pool = split_urls(urls) if isinstance(urls, str) else list(urls)
    try:
        check_urls(pool)
    except ValueError as error:
        raise SettingsError(
            file="BATON_BUS_URL or [bus] url",
            key="url",
            problem="it is not a valid URL of a message bus",
            must=str(error),
        ) from None
    if pool[0].lower().startswith("memory:"):
        from baton.bus.memory.channel import MemoryChannel

        return MemoryChannel(pool[0])
    from baton.bus.amqp import AmqpChannel

    return await AmqpChannel.open(pool, name=name, owner=owner, worker=worker)


async def link_comes_up(channel: Channel, within: float) -> bool:
    """Wait until the link is up, at most so many seconds, and return whether it is. A refusal ends
    the wait at once."""
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
