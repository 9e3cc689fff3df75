"""A connection that a test can cut, on any bus."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from baton.bus.channel import Channel, Delivery, Handler, Subscription
from baton.bus.exchanges import Queue
from baton.errors import Disconnected


class Cable:
    """While it is pulled, nothing that is sent along it arrives, and nothing is delivered."""

    def __init__(self) -> None:
        self._plugged = asyncio.Event()
        self._plugged.set()

    @property
    def pulled(self) -> bool:
        """Return whether it is pulled."""
        return not self._plugged.is_set()

    def pull(self) -> None:
        """Pull it."""
        self._plugged.clear()

    def plug_in(self) -> None:
        """Plug it in. What was delivered meanwhile arrives now."""
        self._plugged.set()

    async def plugged(self) -> None:
        """Wait until it is plugged in."""
        await self._plugged.wait()

    def along(self, channel: Channel) -> Channel:
        """Return `channel`, as it is at the other end."""
        return cast(Channel, _Cut(self, channel))


class _Cut:
    """All of `channel`, but for what `cable` keeps back."""

    def __init__(self, cable: Cable, channel: Channel) -> None:
        self._cable = cable
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def wait_up(self) -> None:
        await self._cable.plugged()
        await self._channel.wait_up()

    async def publish(self, *given: Any, **named: Any) -> None:
        if self._cable.pulled:
            raise Disconnected(url=self._channel.url, reason="the server is cut off")
        await self._channel.publish(*given, **named)

    async def consume(self, queue: Queue, handler: Handler, **named: Any) -> Subscription:
        async def when_plugged(delivery: Delivery) -> None:
            await self._cable.plugged()
            await handler(delivery)

        return await self._channel.consume(queue, when_plugged, **named)
