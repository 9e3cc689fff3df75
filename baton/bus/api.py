"""API publishes messages on the exchanges. Step 2 of the path (send) goes through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

import structlog

from baton.bus.channel import CONFIRM_TIMEOUT, Channel, Delivery, Envelope, Handler
from baton.bus.exchanges import DEAD
from baton.bus.messages import Message, Probe, Request, Survey, encode
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError

log = structlog.get_logger(__name__)


def to_envelope(message: Message, signer: Signer = UNSIGNED) -> Envelope:
    """Return `message` with the AMQP properties that mirror its attributes, its trace, and the
    signature of `signer` over its bytes."""
    body = encode(message)
    headers = dict(signer.headers(message.type, body))
    if message.correlation:
        headers["traceparent"] = traceparent(message.correlation, message.id)
    return Envelope(
        body=body,
        id=message.id,
        type=message.type,
        correlation=message.correlation,
        timestamp=message.time.timestamp(),
        headers=headers,
        expires=time_to_live(message),
    )


def time_to_live(message: Message) -> float | None:
    """Return for how many seconds after it was sent `message` is valid; None means no limit.

    The bus gets this too and counts by its own clock, so that it does not deliver a request that
    the ledger calls expired, whatever the clocks of the servers show.
    """
    if not isinstance(message, Request | Probe | Survey):
        return None
    return max((message.deadline - message.time).total_seconds(), 0.0)


def traceparent(job: str, message: str) -> str:
    """Return the W3C Trace Context of a message: its job is the trace, the message a span.

    It is derived from the IDs, so that bot and agents agree without passing anything on. It is not
    sampled, since Baton exports no spans.
    """
    trace = blake2b(job.encode(), digest_size=16).hexdigest()
    span = blake2b(message.encode(), digest_size=8).hexdigest()
    return f"00-{trace}-{span}-00"


_MAX_KEY = 255
"""Bytes of a routing key, at most."""


class API:
    """Publishes messages, signed by `signer`."""

    def __init__(self, channel: Channel, signer: Signer = UNSIGNED) -> None:
        self._channel = channel
        self._signer = signer

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

        Raises as Channel.publish does: Unroutable, Disconnected, BusBlocked, Unconfirmed.
        """
        await self._channel.publish(
            exchange,
            key,
            to_envelope(message, self._signer),
            mandatory=mandatory,
            timeout=timeout,
        )


async def dead_letter(channel: Channel, delivery: Delivery, reason: str) -> None:
    """Move a message that cannot be handled to the dead letters, with the reason.

    If the bus does not confirm the move, the message is requeued and the error raised.
    """
    old = delivery.envelope
    key = delivery.key if 0 < len(delivery.key.encode()) <= _MAX_KEY else "unknown"
    # a sender may have written headers with our names; a signature proves itself
    headers = {
        name: value
        for name, value in old.headers.items()
        if name[:6] != "baton-" or name == SIGNATURE
    }
    resent = old.headers.get("baton-resent", "")
    if resent.isascii() and resent.isdecimal():
        headers["baton-resent"] = resent[:5]
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
    """Wrap `handle` so that a bad message neither returns for ever nor stops the others.

    An error that may pass (the bus or the database is unavailable) is raised, and the message is
    requeued. Any other error would happen again with this message: it is logged, `failed` is
    called, and the message is dead-lettered.
    """

    async def safely(delivery: Delivery) -> None:
        try:
            await handle(delivery)
        except BatonError as error:
            if not error.permanent:
                raise
            failed()
            log.warning("message moved to the dead letters", reason=str(error), key=delivery.key)
            await dead_letter(channel, delivery, str(error))
        except Exception as error:
            failed()
            log.exception("handling a message failed", id=delivery.envelope.id, key=delivery.key)
            await dead_letter(channel, delivery, f"handling it failed: {type(error).__name__}")

    return safely
