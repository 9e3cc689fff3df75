"""API: the one entry to the exchanges. Step 2 of the path (sending) goes through `publish`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

import structlog

from baton.bus.channel import CONFIRM_TIMEOUT, Channel, Delivery, Envelope, Handler
from baton.bus.exchanges import DEAD
from baton.bus.messages import Message, Probe, Request, encode
from baton.errors import BatonError

log = structlog.get_logger(__name__)


def to_envelope(message: Message) -> Envelope:
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
        expires=time_to_live(message),
    )


def time_to_live(message: Message) -> float | None:
    """For how many seconds after it was sent `message` may be done; None if nobody says.

    It is given to the bus too, whose clock alone counts them: whatever the clocks of servers say,
    what was called expired is not handed out any more.
    """
    if not isinstance(message, Request | Probe):
        return None
    return max((message.deadline - message.time).total_seconds(), 0.0)


def traceparent(job: str, message: str) -> str:
    """The trace that a message belongs to (W3C Trace Context): a job is one, a message a span.

    Derived from the ids, so that bot and agents agree without passing anything on; not sampled,
    since Baton itself exports no spans.
    """
    trace = blake2b(job.encode(), digest_size=16).hexdigest()
    span = blake2b(message.encode(), digest_size=8).hexdigest()
    return f"00-{trace}-{span}-00"


_MAX_KEY = 255
"""Bytes of a routing key."""


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
        timeout: float = CONFIRM_TIMEOUT,
    ) -> None:
        """Publish `message` and wait for the confirm, at most `timeout` seconds.

        Raises as Channel.publish does: Unroutable, Disconnected, Blocked, Unconfirmed.
        """
        await self._channel.publish(
            exchange, key, to_envelope(message), mandatory=mandatory, timeout=timeout
        )


async def dead_letter(channel: Channel, delivery: Delivery, reason: str) -> None:
    """Move what nobody can handle to the dead letters, with the reason, and settle it.

    If the bus does not confirm the move, the message stays in its queue and comes again.
    """
    old = delivery.envelope
    key = delivery.key if 0 < len(delivery.key.encode()) <= _MAX_KEY else "unknown"
    # what a sender wrote under our names is not what we say of it
    headers = {name: value for name, value in old.headers.items() if name[:6] != "baton-"}
    headers |= {"baton-reason": reason[:500], "baton-key": key}
    if old.user:
        headers["baton-user"] = old.user
    buried = replace(old, headers=headers, expires=None)
    try:
        await channel.publish(DEAD, key, buried)
    except Exception:
        await delivery.reject(requeue=True)
        raise
    await delivery.ack()


def guard(channel: Channel, handle: Handler, failed: Callable[[], None] = lambda: None) -> Handler:
    """`handle`, made so that one message neither goes round nor harms the others.

    What passes (the bus or the database is away) puts the message back. Any other error is a fault
    over this one message, which would come again with it: it is logged, `failed` is called, and the
    message is a dead letter.
    """

    async def safely(delivery: Delivery) -> None:
        try:
            await handle(delivery)
        except BatonError as error:
            if not error.permanent:
                raise
            failed()
            log.warning("dead-lettered", reason=str(error), key=delivery.key)
            await dead_letter(channel, delivery, str(error))
        except Exception as error:
            failed()
            log.exception("a message cannot be handled", id=delivery.envelope.id, key=delivery.key)
            await dead_letter(channel, delivery, f"it cannot be handled: {type(error).__name__}")

    return safely
