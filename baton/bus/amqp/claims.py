"""Whether somebody has a claim is asked without an error, which would cost an AMQP channel."""

from __future__ import annotations

from baton.bus.amqp import wire
from baton.bus.channel import Channel, Envelope
from baton.bus.exchanges import PARKED
from baton.bus.messages import new_id
from baton.errors import BusBlocked, Disconnected, Unconfirmed, Unroutable


async def is_claimed(channel: Channel, name: str) -> bool:
    """Return whether somebody has the claim `name`. Raises Disconnected.

    The queue of a claim is bound under its own name. A message that no queue takes comes back at
    once; what the queue of a claim takes ends with it.
    """
    key = wire.claim_queue(name)
    try:
        await channel.publish(PARKED, key, Envelope(b"", id=f"{key} {new_id()}"), mandatory=True)
    except Unroutable:
        return False
    except (Unconfirmed, BusBlocked) as error:
        raise Disconnected(url=channel.url, reason=str(error)) from None
    return True
