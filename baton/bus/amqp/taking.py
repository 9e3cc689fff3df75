"""Takes the first messages of a queue at once: a short-lived consumer is a few round trips, where
getting each message by itself is one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiormq.abc import DeliveredMessage

from baton.bus.amqp.acks import AckBatcher
from baton.bus.amqp.connection import ANSWER_TIMEOUT, quietly
from baton.bus.amqp.subscription import AmqpDelivery, to_delivery

MAX_TAKEN = 60_000
"""Messages that are taken at once, at most: AMQP counts a prefetch in 16 bits."""
LOOK_INTERVAL = 0.2
"""Seconds without a message after which the queue is asked whether there are any."""
MAX_QUIET = 25
"""How often in a row it is asked."""


class Taking:
    """The messages that arrive on the AMQP channel of `getter` for a consumer that takes some."""

    def __init__(self, getter: AckBatcher) -> None:
        self.taken: list[AmqpDelivery] = []
        self._getter = getter
        self._arrived = asyncio.Event()

    async def take(
        self, name: str, wanted: int, waiting: Callable[[], Awaitable[int | None]]
    ) -> None:
        """Take `wanted` messages of the queue `name`: fewer, if somebody else has taken some since
        they were counted. `waiting` returns how many wait now.

        If this is interrupted, everything that was taken on this AMQP channel goes back.
        """
        channel = self._getter.channel
        await self._getter.allow(wanted)
        try:
            answer = await channel.basic_consume(name, self._receive, timeout=ANSWER_TIMEOUT)
            await self._fill(wanted, waiting)
            await channel.basic_cancel(answer.consumer_tag or "", timeout=ANSWER_TIMEOUT)
        except BaseException:
            await quietly(channel.close)
            raise

    async def _fill(self, wanted: int, waiting: Callable[[], Awaitable[int | None]]) -> None:
        quiet = 0
        while len(self.taken) < wanted and quiet < MAX_QUIET:
            if await self._more():
                quiet = 0
            elif await waiting():  # a queue with a single active consumer gives us none of them
                quiet += 1
            else:
                break

    async def _receive(self, message: DeliveredMessage) -> None:
        self.taken.append(to_delivery(message, self._getter))
        self._arrived.set()

    async def _more(self) -> bool:
        """Return whether another message arrives soon."""
        try:
            async with asyncio.timeout(LOOK_INTERVAL):
                await self._arrived.wait()
        except TimeoutError:
            return False
        self._arrived.clear()
        return True
