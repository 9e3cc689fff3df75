"""The dead letters: what nobody could handle, to be looked at and sent again. `baton dead`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from baton.channel import Channel, Delivery, Envelope, connect, up
from baton.errors import Disconnected, InvalidMessage
from baton.exchanges import DEAD_QUEUE, INPUT, MONITORED, OUTPUT
from baton.messages import Cancel, Discover, Probe, Request, decode
from baton.printable import printable

CONNECT_WITHIN = 10.0
SHOWN_MOST = 500
"""Characters of each thing that a letter says of itself, at most."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `key` is where it was bound for, `reason` why it did not get there."""

    id: str
    type: str
    key: str
    job: str
    reason: str
    size: int

    def __str__(self) -> str:
        """Two lines, whatever its sender wrote into it."""
        name, type_, key, job, reason = (
            printable(each)[:SHOWN_MOST]
            for each in (self.id, self.type, self.key, self.job, self.reason)
        )
        of_job = f" of job {job}" if job else ""
        return f"{name or '(no id)'}  {type_}{of_job}, for {key}\n    {reason} ({self.size} bytes)"


def letter(delivery: Delivery) -> Letter:
    """What can be said of a dead letter without understanding it."""
    envelope = delivery.envelope
    headers = envelope.headers
    reason = headers.get("baton-reason") or headers.get("x-first-death-reason") or "unknown"
    return Letter(
        id=envelope.id,
        type=envelope.type,
        key=headers.get("baton-key") or delivery.key,
        job=envelope.correlation,
        reason=reason,
        size=len(envelope.body),
    )


async def listed(channel: Channel, most: int) -> list[Letter]:
    """Up to `most` dead letters, oldest first; they stay where they are."""
    held = await _taken(channel, most)
    try:
        return [letter(delivery) for delivery in held]
    finally:
        for delivery in held:
            await delivery.reject(requeue=True)


async def resent(channel: Channel, ids: Sequence[str], most: int) -> list[Letter]:
    """Send the letters `ids` among the first `most` again, where they were bound for; which were.

    An empty `ids` means all of them. A letter is taken out once the bus has confirmed it.
    """
    held = await _taken(channel, most)
    done: list[Letter] = []
    try:
        for delivery in list(held):
            if ids and delivery.envelope.id not in ids:
                continue
            envelope, read = delivery.envelope, letter(delivery)
            headers = {
                name: value
                for name, value in envelope.headers.items()
                if not name.startswith(("baton-", "x-"))
            }
            again = replace(envelope, headers=headers)
            await channel.publish(exchange_of(envelope, read.key), read.key, again, mandatory=True)
            await delivery.ack()
            held.remove(delivery)
            done.append(read)
    finally:
        for delivery in held:
            await delivery.reject(requeue=True)
    return done


def exchange_of(envelope: Envelope, key: str) -> str:
    """Where a message belongs: what agents take on the input exchange, what they say on the other.

    What others tell need not be as Baton writes it: its key says what it is. Raises InvalidMessage
    for anything else that Baton cannot read: it would only die again.
    """
    if key.partition(".")[0] in MONITORED:
        return OUTPUT
    try:
        message = decode(envelope.body)
    except InvalidMessage as error:
        raise InvalidMessage(
            reason=f"{envelope.id or 'a letter'} would only die again: {error.facts['reason']}"
        ) from error
    return INPUT if isinstance(message, Request | Cancel | Discover | Probe) else OUTPUT


@asynccontextmanager
async def opened(urls: Sequence[str]) -> AsyncIterator[Channel]:
    """The bus at `urls`. Raises Disconnected if it does not answer within CONNECT_WITHIN s,
    BusRefused if it lets us not in."""
    channel = await connect(urls, name="baton dead")
    try:
        if not await up(channel, CONNECT_WITHIN):
            raise channel.refusal or Disconnected(url=channel.url, reason=channel.link_reason)
        yield channel
    finally:
        await channel.close()


async def _taken(channel: Channel, most: int) -> list[Delivery]:
    held: list[Delivery] = []
    while len(held) < most and (delivery := await channel.get(DEAD_QUEUE)) is not None:
        held.append(delivery)
    return held
