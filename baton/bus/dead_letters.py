"""The dead letters: what nobody could handle, to be looked at and sent again. `baton dead`."""

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
"""Characters of each thing that a letter says of itself, at most."""


ORDERS = Request | Cancel | Discover | Probe
"""What has servers do something, as against what servers and others say."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter. `key` is where it was bound for, `reason` why it did not get there.

    `sender` is the broker account that it is from, as far as that is known. `ours`: RabbitMQ has
    proven that it is the account by which we are connected. `order` is what it has servers do,
    empty if nothing; `until` is when that is too late.
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
        """Two lines, whatever its sender wrote into it."""
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
    """What became of letters: those that were sent again, and those that were not, with why."""

    done: Sequence[DeadLetter]
    left: Sequence[tuple[DeadLetter, str]]


def read_letter(delivery: Delivery, account: str = "") -> DeadLetter:
    """What can be said of a dead letter without understanding it; `account` is ours."""
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
    """Whom a letter is from, and whether that is proven to be `account`.

    Who buries a letter (it has a reason then) becomes its sender for RabbitMQ, and says whom it had
    it from: only what we say ourselves is proof of that.
    """
    proven = envelope.user
    if "baton-reason" not in envelope.headers:
        return proven, bool(account) and proven == account
    claimed = envelope.headers.get("baton-user", "")
    if account and proven == account:
        return claimed, claimed == account
    return f"{claimed or 'an unknown sender'} (says {proven or 'an unknown sender'})", False


def _order(envelope: Envelope, key: str) -> tuple[str, datetime | None]:
    """What a letter has servers do, in words, and until when."""
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
    return ("all servers: say who is there", None) if isinstance(message, Discover) else ("", None)


async def list_letters(channel: Channel, most: int) -> list[DeadLetter]:
    """Up to `most` dead letters, oldest first; they stay where they are."""
    held = await _take(channel, most)
    try:
        return [read_letter(delivery, _account(channel)) for delivery in held]
    finally:
        for delivery in held:
            await delivery.reject(requeue=True)


def why_not_resent(
    read: DeadLetter, ids: Collection[str], twice: Collection[str], at: datetime
) -> str:
    """Why the letter `read` is not sent again at `at` to those who asked for `ids` (none: for all);
    empty if it is. Pure. Of the ids in `twice` there are several letters.

    Nobody's forged order becomes one of ours because an operator sends everything again.
    """
    if read.until is not None and read.until <= at:
        return f"it had to be done by {read.until:%Y-%m-%d %H:%M:%S} UTC: ask for it again in chat"
    if not read.order or read.ours:
        return ""
    if read.id in twice:
        return "several letters have this ID, and this one is not proven to be from us"
    if read.id not in ids:
        return f"it has servers do something, and is not proven to be from us ({read.order})"
    return ""


def to_confirm(letters: Sequence[DeadLetter], at: datetime | None = None) -> list[DeadLetter]:
    """The orders among `letters` that would be sent again with all others. Pure."""
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
    """Send the letters `ids` among the first `most` again, where they were bound for.

    An empty `ids` means all of them; of those, an order is sent only if it is proven to be from us,
    and `agreed` to. A letter is taken out once the bus has confirmed it.
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
                reason = "it was not agreed to"
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
    """What is sent: the bus counts how long it may still be done, as it did the first time."""
    headers = {
        name: value
        for name, value in envelope.headers.items()
        if not name.startswith(("baton-", "x-"))
    }
    left = None if read.until is None else (read.until - at).total_seconds()
    return replace(envelope, headers=headers, expires=left)


def _account(channel: Channel) -> str:
    """The broker account by which we are connected."""
    return user_of(channel.url)


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
    return INPUT if isinstance(message, ORDERS) else OUTPUT


@asynccontextmanager
async def open_bus(urls: Sequence[str]) -> AsyncIterator[Channel]:
    """The bus at `urls`. Raises Disconnected if it does not answer within CONNECT_TIMEOUT s,
    BusRefused if it lets us not in."""
    channel = await connect(urls, name="baton dead")
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
