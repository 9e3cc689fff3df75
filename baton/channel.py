"""Channel: what Baton needs of a message bus, and nothing more.

`amqp.py` keeps this contract over RabbitMQ, `memory.py` in the process; `tests/test_channel.py`
holds both to it. `connect` chooses by the URL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from baton.exchanges import Queue
from baton.messages import CONTENT_TYPE

CONFIRM_WITHIN = 10.0
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
    def link_since(self) -> float:
        """Since when `link` has been so, on the monotonic clock, in seconds."""

    @property
    def broker(self) -> str:
        """What answers there and its version, such as `RabbitMQ 3.10.8`; empty while nothing
        does."""

    async def wait_up(self) -> None:
        """Return once the link is up."""

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` at each change of `link`."""

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        """Make sure that `queue` exists and is bound to each (exchange, key).

        That is done again after each reconnect; with the link down it is done then. Raises
        QueueMismatch if the queue exists with other settings.
        """

    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_WITHIN,
    ) -> None:
        """Publish a persistent message and wait for the confirm.

        Calls that are made one after the other without awaiting between them reach the bus in that
        order. Raises Unroutable if `mandatory` and no queue takes it, Disconnected if it was surely
        not sent, Blocked while the bus takes none, Unconfirmed if nobody knows (send it again with
        the same id).
        """

    async def publish_later(
        self, key: str, envelope: Envelope, *, after: float, timeout: float = CONFIRM_WITHIN
    ) -> None:
        """Publish on the input exchange in `after` seconds or a little more (see `retry_queue`).

        The bus keeps the message until then, whatever becomes of the sender. Raises as `publish`.
        """

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 100) -> Subscription:
        """Hand each message of `queue` to `handler`, at most `prefetch` unsettled at a time.

        The queue is declared if need be. `handler` is called in the order of the queue, each call
        as a task of its own, which a lost link leaves alone; what it raises is logged and the
        message is put back.
        """

    async def get(self, queue: Queue) -> Delivery | None:
        """One message of `queue` if there is one: for looking through dead letters.

        Raises Disconnected, as does `depth`.
        """

    async def depth(self, queue: Queue) -> int | None:
        """How many messages wait in `queue`; None if there is no such queue."""

    async def close(self) -> None:
        """Stop consuming, wait a moment for the handlers at work, and close. Idempotent."""


async def connect(urls: str | Sequence[str], *, name: str = "baton") -> Channel:
    """A channel to the first of `urls` that answers; `name` is shown in the broker's own list.

    `amqp://` and `amqps://` are RabbitMQ, several URLs a pool tried in turn; `memory://NAME` is the
    bus of that name in this process (`memory://ACCOUNT@NAME`: as that account). Returns at once
    with a link that may still be down: a broker that is away is waited for. Raises SettingsError
    for a URL that is none of these.
    """
    from baton.errors import SettingsError

    pool = [urls] if isinstance(urls, str) else list(urls)
    schemes = {scheme if mark else "" for scheme, mark, _ in (url.partition("://") for url in pool)}
    if schemes == {"memory"} and len(pool) == 1:
        from baton.memory import MemoryChannel

        return MemoryChannel(pool[0])
    if schemes and schemes <= {"amqp", "amqps"}:
        from baton.amqp import AmqpChannel

        return await AmqpChannel.open(pool, name=name)
    raise SettingsError(
        file="BATON_BUS_URL or [bus] url",
        key="url",
        problem=f"{' '.join(sorted(schemes)).strip() or 'nothing'} is no bus that Baton knows",
        must="amqp://, amqps:// (one or several) or memory://NAME",
    )
