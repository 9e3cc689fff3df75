"""Dead letters: messages that could not be handled. `baton dead` lists and resends them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b

from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.connect import connect, link_comes_up
from baton.bus.exchanges import DEAD_QUEUE, INPUT, MONITORED, OUTPUT, queue_of
from baton.bus.messages import Cancel, Discover, Message, Probe, Request, Survey, decode, now
from baton.bus.signing.header import SIGNATURE
from baton.bus.urls import user_of
from baton.errors import Disconnected, InvalidMessage, Unroutable
from baton.text.printable import printable
from baton.timing.waiting import wait_at_most

CONNECT_TIMEOUT = 10.0
BACK_WITHIN = 2.0
"""Seconds to wait until letters that were looked at are in their queue again: they are not, if
somebody else takes them at once."""
_TYPEABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARYING = re.compile(r"(?<![0-9a-z._:-])[0-9a-z._:-]+|[“'\"][^”'\"]{0,200}[”'\"]", re.IGNORECASE)
"""What differs in reasons that are alike: names with numbers, ids, times, what is cited."""
RESENT = "baton-resent"
"""The header that counts how often a message was sent again."""
MAX_SHOWN = 500
"""Characters that are shown of each field of a letter, at most."""


ORDERS = Request | Cancel | Discover | Probe | Survey
"""Messages that order servers to do something."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: its routing key, and the reason why it could not be handled.

    `sender` is the broker account that sent it, as far as that is known; `ours` means that RabbitMQ
    has proven it to be the account of this connection. `order` describes what the letter orders
    servers to do, empty if nothing, and `until` is the deadline of that. `size` is in bytes.
    `time` is when it was sent first, `resent` how often it was sent again. `message` is what it
    says, None if that is not a message of Baton's.
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
    time: datetime | None = None
    resent: int = 0
    body: bytes = b""
    message: Message | None = None

    @property
    def name(self) -> str:
        """What people call it: its id, or a sum of what it holds if it has no id that can be
        typed. It stays the same however often somebody looks."""
        if _TYPEABLE.fullmatch(self.id):
            return self.id
        return blake2b(self.key.encode() + b"\0" + self.body, digest_size=8).hexdigest()

    @property
    def kind(self) -> str:
        """A short name of its reason: those that differ only in names, numbers and times have the
        same."""
        reason = _VARYING.sub(_alike, self.reason)[:MAX_SHOWN]
        return blake2b(reason.encode(), digest_size=3).hexdigest()

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
class FoundLetters:
    """The oldest letters, and how many there are in all."""

    letters: Sequence[DeadLetter]
    total: int

    @property
    def bound(self) -> str:
        """What part of all letters this is, in words; empty if it is all of them."""
        found = len(self.letters)
        return f"the oldest {found:,} of {self.total:,}" if found < self.total else ""


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
    message = _message(envelope)
    order, until = _order(message)
    sent = envelope.timestamp
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
        time=None if sent is None else datetime.fromtimestamp(sent, UTC),
        resent=_count(headers.get(RESENT, "")),
        body=envelope.body,
        message=message,
    )


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _message(envelope: Envelope) -> Message | None:
    try:
        return decode(envelope.body)
    except InvalidMessage:
        return None


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


def _order(message: Message | None) -> tuple[str, datetime | None]:
    """Return what a letter orders servers to do, in words, and its deadline."""
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
    if isinstance(message, Survey):
        return f"{message.host}: say what {message.command} would do", message.deadline
    return ("all servers: send a heartbeat", None) if isinstance(message, Discover) else ("", None)


async def list_letters(channel: Channel, most: int) -> FoundLetters:
    """Return up to `most` dead letters, oldest first. They stay in their queue."""
    async with _held(channel, most) as (held, total):
        return FoundLetters([one for _, one in held], total)


async def drop(channel: Channel, names: Collection[str], most: int) -> list[DeadLetter]:
    """Remove the letters that are called `names` among the first `most`, for good; return them."""
    dropped = []
    async with _held(channel, most) as (held, _):
        for delivery, one in list(held):
            if one.name in names:
                await delivery.ack()
                held.remove((delivery, one))
                dropped.append(one)
    return dropped


def why_not_resent(
    read: DeadLetter, names: Collection[str], twice: Collection[str], at: datetime
) -> str:
    """Return why the letter `read` is not resent at `at`; empty if it is. Pure.

    `names` are the letters that the operator named (none means all), `twice` the names that several
    letters have. So a forged order does not become one of ours when everything is resent.
    """
    if read.until is not None and read.until <= at:
        return f"its deadline was {read.until:%Y-%m-%d %H:%M:%S} UTC: run the command again in chat"
    if not read.order or read.ours:
        return ""
    if read.name in twice:
        return (
            "several dead letters have this ID, and RabbitMQ does not confirm that the bot sent"
            " this one"
        )
    if read.name not in names:
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
    names: Collection[str],
    most: int,
    *,
    to: str = "",
    clock: Callable[[], datetime] = now,
    agreed: Callable[[DeadLetter], bool] = lambda read: True,
) -> Resent:
    """Resend the letters that are called `names` among the first `most` with their own routing
    keys, or with the key `to`.

    No `names` means all of them: then an order is resent only if we are proven to have sent it and
    `agreed` returns True. A letter leaves the queue once the bus has confirmed the new message.
    """
    done: list[DeadLetter] = []
    left: list[tuple[DeadLetter, str]] = []
    async with _held(channel, most) as (held, _):
        counts = Counter(one.name for _, one in held)
        twice = {name for name, count in counts.items() if count > 1}
        for delivery, one in list(held):
            if names and one.name not in names:
                continue
            reason = why_not_resent(one, names, twice, clock())
            if not reason and not names and one.order and not agreed(one):
                reason = "not confirmed"
            if reason:
                left.append((one, reason))
                continue
            again = _again(delivery.envelope, one, clock())
            try:
                exchange = exchange_of(again, to or one.key)
                await channel.publish(exchange, to or one.key, again, mandatory=True)
            except (InvalidMessage, Unroutable) as error:
                left.append((one, str(error)))  # the others must not suffer for it
                continue
            await delivery.ack()
            held.remove((delivery, one))
            done.append(one)
    return Resent(done, left)


def _again(envelope: Envelope, read: DeadLetter, at: datetime) -> Envelope:
    """Return the message to resend; it is valid for the rest of its time."""
    headers = {
        name: value
        for name, value in envelope.headers.items()
        if not name.startswith(("baton-", "x-")) or name == SIGNATURE
    }
    headers[RESENT] = str(read.resent + 1)
    left = None if read.until is None else (read.until - at).total_seconds()
    return replace(envelope, headers=headers, expires=left)


def _account(channel: Channel) -> str:
    """Return the broker account of this connection."""
    return user_of(channel.url)


def exchange_of(envelope: Envelope, key: str) -> str:
    """Return the exchange of a message: orders go to the input exchange, the rest to the output.

    Messages of other systems are known by their keys, since Baton does not define their format:
    alerts, check-ins and what waits in a work queue.
    Raises InvalidMessage for any other unreadable message: it would be dead-lettered again.
    """
    if key.partition(".")[0] in MONITORED:
        return OUTPUT
    if queue_of(key):
        return INPUT
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


@asynccontextmanager
async def _held(
    channel: Channel, most: int
) -> AsyncIterator[tuple[list[tuple[Delivery, DeadLetter]], int]]:
    """Hold the first letters, `most` at most, in their order; yield them, and how many there are in
    all. Those that are left in what is yielded go back into the queue, as all do if we die."""
    held: list[tuple[Delivery, DeadLetter]] = []
    account = _account(channel)
    total = await channel.depth(DEAD_QUEUE) or 0
    try:
        found = await channel.get(DEAD_QUEUE, most)
        total = max(total, len(found))
        held += [(delivery, read_letter(delivery, account)) for delivery in found]
        yield held, total
    finally:
        for delivery, _ in held:
            await delivery.reject(requeue=True)
    if held:
        with suppress(Disconnected):  # then the broker puts them back
            await wait_at_most(BACK_WITHIN, _back(channel, total - len(found) + len(held)))


async def _back(channel: Channel, count: int) -> None:
    """Wait until so many letters are in the queue again. RabbitMQ puts them back when it has
    written that down, and answers before: whoever looked at once would not see them."""
    pause = 0.01
    while (await channel.depth(DEAD_QUEUE) or 0) < count:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)


def _alike(varying: re.Match[str]) -> str:
    """Return what stands for a word in which reasons that are alike differ; a plain word stays."""
    word = varying[0]
    is_word = word[0] not in "“'\"" and not any(character.isdigit() for character in word)
    return word if is_word else "#"
