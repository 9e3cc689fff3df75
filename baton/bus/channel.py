"""Channel is the contract of a message bus: all that Baton needs of one.

The package `amqp` implements it over RabbitMQ, `memory` in this process; `connect` chooses by the
URL. The tests in tests/baton/bus/test_channel.py run against both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from baton.bus.exchanges import Queue
from baton.bus.messages import CONTENT_TYPE
from baton.errors import BusRefused

CONFIRM_TIMEOUT = 10.0
"""Seconds that a publish waits for its confirm, unless the caller says otherwise."""


class Link(StrEnum):
    """The state of the connection. A `blocked` one is open, but the bus accepts no messages."""

    UP = "up"
    BLOCKED = "blocked"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message body with the AMQP properties that mirror its CloudEvents attributes.

    `user` is the broker account that published the message. The publishing channel sets it, the bus
    refuses a false one, and it is empty if the sender did not set it. The bus delivers the message
    for `expires` seconds by its own clock and dead-letters it after that; None means no limit.
    `timestamp` is in seconds since 1970, and travels in whole seconds.
    """

    body: bytes
    id: str = ""
    type: str = ""
    correlation: str = ""
    timestamp: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = CONTENT_TYPE
    user: str = field(default="", compare=False)
    expires: float | None = None


class Delivery(Protocol):
    """A message that was delivered to a consumer, which acknowledges or rejects it once."""

    envelope: Envelope
    key: str
    redelivered: bool

    async def ack(self) -> None:
        """Acknowledge the message: it is done. After a lost connection this does nothing, and the
        bus delivers the message again."""

    async def ack_and_fence(self) -> None:
        """Acknowledge the message, and return once the bus has processed that: from then on it
        gives the message to nobody, also if this connection is lost or this process killed. Raises
        Disconnected if that is not known: then somebody else may get it, marked `redelivered`."""

    async def reject(self, *, requeue: bool) -> None:
        """Put the message back into its queue, or send it to the queue's dead-letter exchange."""


Handler = Callable[[Delivery], Awaitable[None]]


class Subscription(Protocol):
    """A consumer on a queue. It is restored after a reconnect."""

    async def cancel(self) -> None:
        """Stop the deliveries. Messages already delivered can still be settled. Idempotent."""

    async def pause(self) -> None:
        """Stop the deliveries until `resume`. Messages already delivered can still be settled."""

    async def resume(self, prefetch: int) -> None:
        """Go on after `pause`, with at most `prefetch` unsettled messages. Raises BusRefused."""


BOT_FIRST = "start the bot; it creates the exchanges."
"""What to do about an agent that was installed before any bot had run."""


class Channel(Protocol):
    """A connection to the bus that reconnects by itself, for as long as it takes."""

    url: str
    """The URL of the connection, without the password."""

    @property
    def link(self) -> Link:
        """The state of the connection now."""

    @property
    def link_reason(self) -> str:
        """The reason why `link` is not up, for people; empty while it is up."""

    @property
    def link_fix(self) -> str:
        """What to do while `link` is not up, for people; empty if that is not known."""

    @property
    def refusal(self) -> BusRefused | None:
        """The refusal that keeps the link down until somebody acts, such as a missing permission.

        None while the link is up, or down for a reason that may pass. The channel retries anyway.
        """

    @property
    def lacking(self) -> Mapping[str, BusRefused]:
        """The optional queues that the bus refuses to this account, by name, each with the refusal.

        The channel works without them and tries each again with every check.
        """

    @property
    def link_since(self) -> float:
        """When `link` changed last, in seconds of the monotonic clock."""

    @property
    def broker(self) -> str:
        """The product and version of the broker, such as `RabbitMQ 3.10.8`; empty while the link is
        down."""

    async def wait_up(self) -> None:
        """Wait until the link is up."""

    async def refused(self, patience: float) -> BusRefused:
        """Wait for a `refusal` and return it: at once if the link was never up, otherwise once the
        refusal has lasted `patience` seconds."""

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` with each change of `link`."""

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        """Ensure that `queue` exists and is bound to each (exchange, key).

        The channel repeats this after each reconnect and checks it regularly, so it restores what
        somebody deletes. While the link is down, it is done once the link is up. Raises BusRefused
        if the bus refuses it, QueueMismatch if the queue exists with other settings; for an
        optional queue `lacking` has the refusal instead.
        """

    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_TIMEOUT,
    ) -> None:
        """Publish a persistent message and wait for the confirm, at most `timeout` seconds.

        Calls that are made one after the other without awaiting between them reach the bus in that
        order. Raises Unroutable if it is `mandatory` and no queue takes it, Disconnected if it was
        certainly not sent, BusBlocked while the bus accepts no messages, and Unconfirmed if its
        fate is unknown: then publish it again with the same ID.
        """

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 100) -> Subscription:
        """Call `handler` with each message of `queue`, with at most `prefetch` unsettled at a time.

        The queue is declared first; raises as `declare` does. The calls begin in the order of the
        queue, each in a task of its own, which a lost link does not cancel. What `handler` raises
        is logged, and the message is requeued.
        """

    async def get(self, queue: Queue, most: int) -> Sequence[Delivery]:
        """Take the first messages that wait in `queue`, `most` at most, in their order, for as many
        questions to the bus however many they are. For looking through dead letters.

        Raises Disconnected, BusRefused.
        """

    async def depth(self, queue: Queue) -> int | None:
        """Return how many messages wait in `queue`, None if it does not exist. Raises
        Disconnected."""

    async def claim(self, name: str, holder: str) -> bool:
        """Return whether `holder` has the claim `name`: it asked first, or it has it already.

        A claim that nobody asks for is forgotten after a day. Raises Disconnected, BusRefused.
        """

    async def is_claimed(self, name: str) -> bool:
        """Return whether somebody has the claim `name`. Raises Disconnected."""

    async def missing_rights(
        self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()
    ) -> Sequence[BusRefused]:
        """Return what the bus would refuse of declaring, binding and consuming `queue`.

        Asking creates nothing and takes no message. Raises Disconnected.
        """

    async def may_not_publish(self, exchange: str, key: str) -> BusRefused | None:
        """Return the refusal that a publish would meet, or None. Nothing is published. Raises
        Disconnected."""

    async def close(self) -> None:
        """Stop consuming, wait a few seconds for the running handlers, and close. Idempotent."""
