"""What tests take out of a queue."""

from __future__ import annotations

from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import Queue


async def first_of(channel: Channel, queue: Queue) -> Delivery | None:
    """The first message that waits in `queue`; None if there is none."""
    found = await channel.get(queue, 1)
    return found[0] if found else None
