"""A message that the bus in memory has delivered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from typing_extensions import override

from baton.bus.channel import Delivery, Envelope
from baton.bus.memory.queues import Holder, QueuedMessage
from baton.errors import Disconnected


@dataclass(eq=False, slots=True)
class MemoryDelivery(Delivery):
    """A message of the bus in memory. Only the first call settles it."""

    envelope: Envelope
    key: str
    redelivered: bool
    _message: QueuedMessage
    _holder: Holder

    @override
    async def ack(self) -> None:
        self._holder.ack(self._message)

    @override
    async def ack_and_fence(self) -> None:
        if not self._holder.ack(self._message):
            raise Disconnected(url="memory", reason="the message was given back")
        await asyncio.sleep(0)  # as an answer would, let other tasks run

    @override
    async def reject(self, *, requeue: bool) -> None:
        self._holder.reject(self._message, requeue=requeue)


def to_delivery(message: QueuedMessage, holder: Holder) -> MemoryDelivery:
    """Return `message` as `holder` has it."""
    return MemoryDelivery(message.envelope, message.key, message.returns > 0, message, holder)
