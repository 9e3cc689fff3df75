"""The queues and exchanges of a bus in memory, modelled on RabbitMQ's. All happens at once."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Protocol

from baton.bus.channel import Envelope
from baton.bus.exchanges import CLAIM_LASTS, EXCHANGES, WORK_EXCHANGES, Queue
from baton.errors import QueueMismatch


class Handle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the timer."""


Timer = Callable[[float, Callable[[], object]], Handle]
"""Calls back after so many seconds."""

_serial = attrgetter("serial")


@dataclass(eq=False, slots=True)
class QueuedMessage:
    """A message in a queue. `returns` counts how often it was requeued; `late`: it has expired."""

    serial: int
    exchange: str
    key: str
    envelope: Envelope
    returns: int = 0
    late: bool = False
    timer: Handle | None = None


@dataclass(eq=False, slots=True)
class Holder:
    """Holds unsettled messages of `queue`: a consumer, or one that takes the first ones."""

    queue: MemoryQueue
    prefetch: int = 1
    deliver: Callable[[QueuedMessage], None] | None = None
    held: dict[int, QueuedMessage] = field(default_factory=dict)

    def ack(self, message: QueuedMessage) -> bool:
        """Acknowledge `message`; return whether that was possible. Nothing happens if it was
        settled before."""
        if self.held.pop(message.serial, None) is None:
            return False
        self.queue.drop(message)
        return True

    def reject(self, message: QueuedMessage, *, requeue: bool) -> None:
        """Requeue `message`, or dead-letter it. Nothing happens if it was settled before."""
        if self.held.pop(message.serial, None) is None:
            return
        if requeue:
            self.queue.put_back([message])
        else:
            self.queue.dead_letter(message, "rejected")

    def release(self) -> None:
        """Take no more, and requeue all that is held, before the next consumer gets any."""
        self.prefetch = 0
        messages, self.held = list(self.held.values()), {}
        self.queue.put_back(messages)
        self.queue.detach(self)


class MemoryQueue:
    """A queue: the messages that wait in it, in order, and its consumers."""

    def __init__(self, spec: Queue, exchanges: MemoryExchanges) -> None:
        self.spec = spec
        self._exchanges = exchanges
        self._ready: list[QueuedMessage] = []
        self._consumers: list[Holder] = []
        self._count = 0
        self._expiry: Handle | None = None
        self._gone = False
        self.restart_expiry()

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, exchange: str, key: str, envelope: Envelope) -> None:
        """Add a message at the end."""
        self._count += 1
        message = QueuedMessage(self._count, exchange, key, envelope)
        self._ready.append(message)
        lasts = [each for each in (self.spec.ttl, envelope.expires) if each is not None]
        if lasts:
            message.timer = self._exchanges.later(min(lasts), lambda: self._expire(message))
        self._pump()

    def take(self, holder: Holder) -> QueuedMessage | None:
        """Give the first message to `holder`, if there is one."""
        self.restart_expiry()
        if not self._ready:
            return None
        message = self._ready.pop(0)
        holder.held[message.serial] = message
        return message

    def attach(self, holder: Holder) -> None:
        """Add the consumer `holder`."""
        self._consumers.append(holder)
        self.restart_expiry()
        self._pump()

    def detach(self, holder: Holder) -> None:
        """Remove the consumer `holder`. It can still settle what it holds."""
        if holder in self._consumers:
            self._consumers.remove(holder)
            self.restart_expiry()
            self._pump()

    def put_back(self, messages: Sequence[QueuedMessage]) -> None:
        """Put messages back in order, or dead-letter those beyond the delivery limit."""
        for message in messages:
            message.returns += 1
            if message.returns >= self.spec.delivery_limit:
                self.dead_letter(message, "delivery_limit")
            elif message.late:
                self.dead_letter(message, "expired")
            else:
                insort(self._ready, message, key=_serial)
        self._pump()

    def dead_letter(self, message: QueuedMessage, why: str) -> None:
        """Send `message` to the dead-letter exchange, if this queue has one."""
        self.drop(message)
        if self._gone or not self.spec.dead_letter:
            return
        headers = {
            "x-first-death-reason": why,
            "x-first-death-queue": self.spec.name,
            "x-first-death-exchange": message.exchange,
            **message.envelope.headers,
        }
        self._exchanges.route(
            self.spec.dead_letter,
            message.key,
            replace(message.envelope, headers=headers, expires=None),
        )

    def drop(self, message: QueuedMessage) -> None:
        """Remove `message` for good."""
        if message.timer is not None:
            message.timer.cancel()
        self._pump()

    def restart_expiry(self) -> None:
        """Count the time until an unused queue expires from now on."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.spec.expires is not None and not self._consumers:
            self._expiry = self._exchanges.later(
                self.spec.expires, lambda: self._exchanges.delete(self.spec.name)
            )

    def delete(self) -> None:
        """Drop all messages and consumers: the queue is deleted."""
        self._gone = True
        self._consumers.clear()
        if self._expiry is not None:
            self._expiry.cancel()
        for message in self._ready:
            if message.timer is not None:
                message.timer.cancel()
        self._ready.clear()

    def _expire(self, message: QueuedMessage) -> None:
        at = bisect_left(self._ready, message.serial, key=_serial)
        if at < len(self._ready) and self._ready[at] is message:
            del self._ready[at]
            self.dead_letter(message, "expired")
        else:
            message.late = True

    def _pump(self) -> None:
        while self._ready and (holder := self._next()) is not None:
            message = self._ready.pop(0)
            holder.held[message.serial] = message
            if holder.deliver is not None:
                holder.deliver(message)

    def _next(self) -> Holder | None:
        """Return the consumer whose turn it is and that can hold another message."""
        candidates = self._consumers[:1] if self.spec.single_active else self._consumers
        for holder in candidates:
            if len(holder.held) < holder.prefetch:
                if not self.spec.single_active:
                    self._consumers.remove(holder)
                    self._consumers.append(holder)
                return holder
        return None


class MemoryExchanges:
    """The exchanges of the wire contract, and the queues bound to them."""

    def __init__(self, later: Timer | None = None) -> None:
        self.later: Timer = later or _later
        self._queues: dict[str, MemoryQueue] = {}
        self._bindings: dict[str, dict[tuple[str, str], None]] = {}
        self._claims: dict[str, tuple[str, Handle]] = {}
        self.make_exchanges()

    def declare(self, spec: Queue, bindings: Sequence[tuple[str, str]]) -> None:
        """Declare a queue. Raises QueueMismatch if it exists with other settings."""
        queue = self._queues.get(spec.name)
        if queue is None:
            self._queues[spec.name] = MemoryQueue(spec, self)
        elif spec.foreign:
            queue.restart_expiry()
        elif queue.spec != spec:
            raise QueueMismatch(
                user="memory",
                what=f"to declare queue {spec.name}",
                queue=spec.name,
                reason=f"{queue.spec} is not {spec}",
            )
        else:
            queue.restart_expiry()
        for exchange, key in bindings:
            self._bindings.setdefault(exchange, {})[key, spec.name] = None

    def delete(self, name: str) -> None:
        """Delete the queue `name`, its messages and bindings."""
        queue = self._queues.pop(name, None)
        if queue is not None:
            queue.delete()
        for bindings in self._bindings.values():
            for key, bound in list(bindings):
                if bound == name:
                    del bindings[key, bound]

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange with its bindings."""
        del self._bindings[name]

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Remove a binding, if it exists."""
        self._bindings.get(exchange, {}).pop((key, queue), None)

    def make_exchanges(self) -> None:
        """Ensure that the exchanges exist."""
        for exchange in (*EXCHANGES, *WORK_EXCHANGES):
            self._bindings.setdefault(exchange.name, {})

    def claim(self, name: str, holder: str) -> bool:
        """Return whether `holder` has the claim `name`, by being the first to ask."""
        known = self._claims.get(name)
        if known is not None:
            if known[0] != holder:
                return False
            known[1].cancel()
        timer = self.later(CLAIM_LASTS, lambda: self._claims.pop(name, None))
        self._claims[name] = (holder, timer)
        return True

    def is_claimed(self, name: str) -> bool:
        """Return whether somebody has the claim `name`."""
        return name in self._claims

    def has(self, exchange: str) -> bool:
        """Return whether `exchange` exists."""
        return exchange in self._bindings

    def find(self, name: str) -> MemoryQueue | None:
        """Return the queue `name`, if it exists."""
        return self._queues.get(name)

    def route(self, exchange: str, key: str, envelope: Envelope) -> bool:
        """Put `envelope` once into each queue that `key` reaches. Returns whether there is one."""
        bindings = self._bindings.get(exchange, ())
        reached = {queue: None for pattern, queue in bindings if matches(pattern, key)}
        for name in reached:
            self._queues[name].put(exchange, key, envelope)
        return bool(reached)


def matches(pattern: str, key: str) -> bool:
    """Return whether a topic `pattern` matches `key`: `*` is one word, `#` any number of them."""
    return _matches(pattern.split("."), key.split("."))


def _matches(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    head, rest = pattern[0], pattern[1:]
    if head == "#":
        return any(_matches(rest, words[start:]) for start in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _matches(rest, words[1:])


def _later(seconds: float, callback: Callable[[], object]) -> Handle:
    return asyncio.get_running_loop().call_later(seconds, callback)
