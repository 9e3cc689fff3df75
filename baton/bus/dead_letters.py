"""Dead letters: messages that could not be handled. `baton dead` lists and resends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.connect import connect, link_comes_up
from baton.bus.exchanges import DEAD_QUEUE, INPUT, MONITORED, OUTPUT
from baton.bus.messages import Cancel, Discover, Probe, Request, decode, now
from baton.bus.urls import user_of
from baton.errors import Disconnected, InvalidMessage, Unroutable
from baton.text.printable import printable

CONNECT_TIMEOUT = 10.0
MAX_SHOWN = 500
"""Characters that are shown of each field of a letter, at most."""


ORDERS = Request | Cancel | Discover | Probe
"""Messages that order servers to do something."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: its routing key, and the reason why it could not be handled.

    `sender` is the broker account that sent it, as far as that is known; `ours` means that RabbitMQ
    has proven it to be the account of this connection. `order` describes what the letter orders
    servers to do, empty if nothing, and `until` is the deadline of that. `size` is in bytes.
    """

    id: str
    type: str
    key: str
    job: str
    reason: str
    size: int
    sender: str = ""
    ours: bool = False
    order: str = ""
    until: datetime | None = None

    def __str__(self) -> str:
        """Return two lines, whatever its sender wrote into it."""
        name, type_, key, job, reason, sender = (
            printable(each)[:MAX_SHOWN]
            for each in (self.id, self.type, self.key, self.job, self.reason, self.sender)
        )
        of_job = f" of job {job}" if job else ""
        by = sender or "an unknown sender"
        return (
            f"{name or '(no id)'}  {type_}{of_job}, for {key}, from {by}\n"
            f"    {reason} ({self.size} bytes)"
        )


@dataclass(frozen=True, slots=True)
class Resent:
    """The letters that were resent, and those that were not, each with the reason."""

    done: Sequence[DeadLetter]
    left: Sequence[tuple[DeadLetter, str]]


def read_letter(delivery: Delivery, account: str = "") -> DeadLetter:
    """Return what can be read of a dead letter without decoding its data; `account` is ours."""
    envelope = delivery.envelope
    headers = envelope.headers
    reason = headers.get("baton-reason") or headers.get("x-first-death-reason") or "unknown"
    key = headers.get("baton-key") or delivery.key
    sender, ours = _sender(envelope, account)
    order, until = _order(envelope, key)
    return DeadLetter(
        id=envelope.id,
        type=envelope.type,
        key=key,
        job=envelope.correlation,
        reason=reason,
        size=len(envelope.body),
        sender=sender,
        ours=ours,
        order=order,
        until=until,
    )


def _sender(envelope: Envelope, account: str) -> tuple[str, bool]:
    """Return the sender of a letter, and whether it is proven to be `account`.

    Whoever dead-letters a message (it has a reason then) becomes its sender for RabbitMQ and notes
    the original sender: only a note of our own is proof.
    """
    proven = envelope.user
    if "baton-reason" not in envelope.headers:
        return proven, bool(account) and proven == account
    claimed = envelope.headers.get("baton-user", "")
    if account and proven == account:
        return claimed, claimed == account
    return f"{claimed or 'an unknown sender'} (claims {proven or 'an unknown sender'})", False


def _order(envelope: Envelope, key: str) -> tuple[str, datetime | None]:
    """Return what a letter orders servers to do, in words, and its deadline."""
    try:
        message = decode(envelope.body)
    except InvalidMessage:
        return "", None
    if isinstance(message, Request):
        where = message.host or f"all servers of {message.environment}"
        given = message.arguments.items()
        words = [f"{name}={value}" for name, value in given if value not in (None, "")]
        text = f"{where}: {' '.join([message.command, *words])}, for {message.requester.id}"
        return printable(text)[:MAX_SHOWN], message.deadline
    if isinstance(message, Cancel):
        return f"{message.host}: cancel job {printable(message.job)[:MAX_SHOWN]}", None
    if isinstance(message, Probe):
        return f"{message.host}: a probe", message.deadline
    return ("all servers: send a heartbeat", None) if isinstance(message, Discover) else ("", None)


async def list_letters(channel: Channel, most: int) -> list[DeadLetter]:
    """Return up to `most` dead letters, oldest first. They stay in their queue."""
    held = await _take(channel, most)
    try:
        return [read_letter(delivery, _account(channel)) for delivery in held]
    finally:
        for delivery in held:
            await delivery.reject(requeue=True)


def why_not_resent(
    read: DeadLetter, ids: Collection[str], twice: Collection[str], at: datetime
) -> str:
    """Return why the letter `read` is not resent at `at`; empty if it is. Pure.

    `ids` are the letters that the operator named (none means all), `twice` the IDs that several
    letters have. So a forged order does not become one of ours when everything is resent.
    """
    if read.until is not None and read.until <= at:
        return f"its deadline was {read.until:%Y-%m-%d %H:%M:%S} UTC: run the command again in chat"
    if not read.order or read.ours:
        return ""
    if read.id in twice:
        return (
            "several dead letters have this ID, and RabbitMQ does not confirm that the bot sent"
            " this one"
        )
    if read.id not in ids:
        return (
            "it is a request to servers, and RabbitMQ does not confirm that the bot sent it"
            f" ({read.order})"
        )
    return ""


def to_confirm(letters: Sequence[DeadLetter], at: datetime | None = None) -> list[DeadLetter]:
    """Return the orders among `letters` that would be resent with all others. Pure."""
    at = at or now()
    return [one for one in letters if one.order and not why_not_resent(one, (), (), at)]


async def resend(
    channel: Channel,
    ids: Collection[str],
    most: int,
    *,
    clock: Callable[[], datetime] = now,
    agreed: Callable[[DeadLetter], bool] = lambda read: True,
) -> Resent:
    """Resend the letters `ids` among the first `most` with their own routing keys.

    No `ids` means all of them: then an order is resent only if we are proven to have sent it and
    `agreed` returns True. A letter leaves the queue once the bus has confirmed the new message.
    """
    held = await _take(channel, most)
    done: list[DeadLetter] = []
    left: list[tuple[DeadLetter, str]] = []
    read = {id(delivery): read_letter(delivery, _account(channel)) for delivery in held}
    counts = Counter(one.id for one in read.values())
    twice = {name for name, count in counts.items() if count > 1}
    try:
        for delivery in list(held):
            one = read[id(delivery)]
            if ids and one.id not in ids:
                continue
            reason = why_not_resent(one, ids, twice, clock())
            if not reason and not ids and one.order and not agreed(one):
                reason = "not confirmed"
            if reason:
                left.append((one, reason))
                continue
            again = _again(delivery.envelope, one, clock())
            try:
                exchange = exchange_of(again, one.key)
                await channel.publish(exchange, one.key, again, mandatory=True)
            except (InvalidMessage, Unroutable) as error:
                left.append((one, str(error)))  # the others must not suffer for it
                continue
            await delivery.ack()
            held.remove(delivery)
            done.append(one)
    finally:
        for delivery in held:
            await delivery.reject(requeue=True)
    return Resent(done, left)


def _again(envelope: Envelope, read: DeadLetter, at: datetime) -> Envelope:
    """Return the message to resend; it is valid for the rest of its time."""
    headers = {
        name: value
        for name, value in envelope.headers.items()
        if not name.startswith(("baton-", "x-"))
    }
    left = None if read.until is None else (read.until - at).total_seconds()
    return replace(envelope, headers=headers, expires=left)


def _account(channel: Channel) -> str:
    """Return the broker account of this connection."""
    return user_of(channel.url)


def exchange_of(envelope: Envelope, key: str) -> str:
    """Return the exchange of a message: orders go to the input exchange, the rest to the output.

    Messages of other systems are known by their keys, since Baton does not define their format.
    Raises InvalidMessage for any other unreadable message: it would be dead-lettered again.
    """
    if key.partition(".")[0] in MONITORED:
        return OUTPUT
    try:
        message = decode(envelope.body)
    except InvalidMessage as error:
        raise InvalidMessage(
            reason=f"{envelope.id or 'it'} would be dead-lettered again: {error.facts['reason']}"
        ) from error
    return INPUT if isinstance(message, ORDERS) else OUTPUT


@asynccontextmanager
async def open_bus(urls: Sequence[str], name: str = "baton dead") -> AsyncIterator[Channel]:
    """Connect to the bus at `urls`, which shows `name`. Raises Disconnected if it does not answer
    within CONNECT_TIMEOUT seconds, BusRefused if it refuses us."""
    channel = await connect(urls, name=name)
    try:
        if not await link_comes_up(channel, CONNECT_TIMEOUT):
            raise channel.refusal or Disconnected(url=channel.url, reason=channel.link_reason)
        yield channel
    finally:
        await channel.close()


async def _take(channel: Channel, most: int) -> list[Delivery]:
    held: list[Delivery] = []
    while len(held) < most and (delivery := await channel.get(DEAD_QUEUE)) is not None:
        held.append(delivery)
    return held
