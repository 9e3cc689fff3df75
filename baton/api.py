"""API: the one entry to the exchanges. Step 2 of the path (sending) goes through `publish`."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from baton.channel import CONFIRM_WITHIN, Channel, Delivery, Envelope
from baton.exchanges import DEAD
from baton.messages import Message, encode


def enveloped(message: Message) -> Envelope:
    """`message` with the AMQP properties that mirror its CloudEvents attributes, and its trace."""
    headers = {}
    if message.correlation:
        headers["traceparent"] = traceparent(message.correlation, message.id)
    return Envelope(
        body=encode(message),
        id=message.id,
        type=message.type,
        correlation=message.correlation,
        timestamp=message.time.timestamp(),
        headers=headers,
    )


def traceparent(job: str, message: str) -> str:
    """The trace that a message belongs to (W3C Trace Context): a job is one, a message a span.

    Derived from the ids, so that bot and agents agree without passing anything on; not sampled,
    since Baton itself exports no spans.
    """
    trace = blake2b(job.encode(), digest_size=16).hexdigest()
    span = blake2b(message.encode(), digest_size=8).hexdigest()
    return f"00-{trace}-{span}-00"


class API:
    """Puts messages on the bus."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def publish(
        self,
        exchange: str,
        key: str,
        message: Message,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_WITHIN,
    ) -> None:
        """Publish `message` and wait for the confirm, at most `timeout` seconds.

        Raises as Channel.publish does: Unroutable, Disconnected, Blocked, Unconfirmed.
        """
        await self._channel.publish(
            exchange, key, enveloped(message), mandatory=mandatory, timeout=timeout
        )


async def bury(channel: Channel, delivery: Delivery, reason: str) -> None:
    """Move what nobody can handle to the dead letters, with the reason, and settle it.

    If the bus does not confirm the move, the message stays in its queue and comes again.
    """
    old = delivery.envelope
    headers = {**old.headers, "baton-reason": reason[:500], "baton-key": delivery.key}
    buried = replace(old, headers=headers)
    try:
        await channel.publish(DEAD, delivery.key or "unknown", buried)
    except Exception:
        await delivery.reject(requeue=True)
        raise
    await delivery.ack()
