"""Channel: what Baton needs of a message bus, and nothing more.

`amqp` keeps this contract over RabbitMQ, `memory` in the process; tests/baton/bus/test_channel.py
holds both to it. `connect` chooses by the URL.
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
"""How long a publish waits for its confirm, in seconds, unless the caller says otherwise."""


class Link(StrEnum):
    """How the connection is. `blocked` looks healthy but takes no messages."""

    UP = "up"
    BLOCKED = "blocked"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message body with the AMQP properties that mirror its CloudEvents attributes.

    `user` is the broker account that published it: the bus refuses a false one, and it is empty if
    the sender did not say. It is set by the channel that publishes. `expires`: the bus hands it out
    for so many seconds, by its own clock, and buries it after that; None: for as long as it lasts.
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
    """One message handed to a consumer, to be settled once: acknowledged or rejected."""

    envelope: Envelope
    key: str
    redelivered: bool

    async def ack(self) -> None:
        """It is dealt with. On a lost connection nothing happens: it will be delivered again."""

    async def reject(self, *, requeue: bool) -> None:
        """Put it back (`requeue`), or let it go to the queue's dead-letter exchange."""


Handler = Callable[[Delivery], Awaitable[None]]


class Subscription(Protocol):
    """A consumer on a queue, which comes back by itself after a reconnect."""

    async def cancel(self) -> None:
        """Take no more deliveries. Those handed out can still be settled. Idempotent."""


BOT_FIRST = "start the bot; it makes what all need."
"""What mends the link of an agent that was installed before any bot was there."""


class Channel(Protocol):
    """A connection to the bus that mends itself, for as long as it takes."""

    url: str
    """Where it is connected to, without the password."""

    @property
    def link(self) -> Link:
        """How the connection is at this moment."""

    @property
    def link_reason(self) -> str:
        """Why `link` is not up, for people to read; empty while it is."""

    @property
    def link_fix(self) -> str:
        """What mends it while `link` is not up, for people to read; empty if that is not known."""

    @property
    def refusal(self) -> BusRefused | None:
        """Why the bus keeps the link down for good, such as a right that is missing; None while it
        is up, or down for what may pass. It is tried again all the same."""

    @property
    def lacking(self) -> Mapping[str, BusRefused]:
        """The optional queues that the bus refuses us, by name. What they are for is not done; they
        are tried again now and then."""

    @property
    def link_since(self) -> float:
        """Since when `link` has been so, on the monotonic clock, in seconds."""

    @property
    def broker(self) -> str:
        """What answers there and its version, such as `RabbitMQ 3.10.8`; empty while nothing
        does."""

    async def wait_up(self) -> None:
        """Return once the link is up."""

    async def refused(self, patience: float) -> BusRefused:
        """Return `refusal` once there is one: at once if the link was never up, else when that has
        stood for `patience` seconds."""

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` at each change of `link`."""

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        """Make sure that `queue` exists and is bound to each (exchange, key).

        That is done again after each reconnect, and proven now and then: what somebody deletes is
        put back. With the link down it is done once it is up. Raises BusRefused if it is refused
        for good, QueueMismatch if the queue exists with other settings; if the queue is optional
        it is told by `lacking` instead.
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
        """Publish a persistent message and wait for the confirm.

        Calls that are made one after the other without awaiting between them reach the bus in that
        order. Raises Unroutable if `mandatory` and no queue takes it, Disconnected if it was surely
        not sent, Blocked while the bus takes none, Unconfirmed if nobody knows (send it again with
        the same id).
        """

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 100) -> Subscription:
        """Hand each message of `queue` to `handler`, at most `prefetch` unsettled at a time.

        The queue is declared if need be, and refused as by `declare`. `handler` is called in the
        order of the queue, each call as a task of its own, which a lost link leaves alone; what it
        raises is logged and the message is put back.
        """

    async def get(self, queue: Queue) -> Delivery | None:
        """One message of `queue` if there is one: for looking through dead letters.

        Raises Disconnected, as does `depth`.
        """

    async def depth(self, queue: Queue) -> int | None:
        """How many messages wait in `queue`; None if there is no such queue."""

    async def missing_rights(
        self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()
    ) -> Sequence[BusRefused]:
        """What the bus would refuse of declaring, binding and consuming `queue`. Nothing is made
        that is not there, nothing is taken. Raises Disconnected."""

    async def may_not_publish(self, exchange: str, key: str) -> BusRefused | None:
        """Why the bus would refuse a publish, if it would. Nothing is published. Raises
        Disconnected."""

    async def close(self) -> None:
        """Stop consuming, wait a moment for the handlers at work, and close. Idempotent."""
