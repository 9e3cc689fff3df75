"""AmqpChannel: a connection to RabbitMQ that mends itself."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from aiormq.exceptions import AMQPError

from baton.amqp import wire
from baton.amqp.session import Binding, Session, answered
from baton.amqp.subscription import AmqpDelivery, AmqpSubscription
from baton.channel import CONFIRM_WITHIN, Envelope, Handler, Link
from baton.errors import BatonError, Blocked, Disconnected, QueueMismatch, SettingsError
from baton.exchanges import RETRY, STANDING_QUEUES, Queue, known, retry_queue
from baton.link import Handlers, Linked

T = TypeVar("T")

log = structlog.get_logger(__name__)
# What the client has to say, tracebacks included, is said here, once and with its meaning.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

WATCH_EVERY = 15.0
"""How often the broker is asked whether it still has our consumers, in seconds."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
"""Between two attempts to connect, in seconds."""

STEADY_AFTER = 10.0
"""A link that was up for this long, in seconds, starts over with the shortest pause."""


def pause(attempt: int, chance: float) -> float:
    """How long to wait before the attempt after `attempt` failures, in seconds; `chance` is 0 to 1.

    Exponential, with jitter over the upper half: a thousand agents do not come back at once.
    """
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
    return longest * (0.5 + 0.5 * chance)


def _why(error: Exception) -> str:
    if isinstance(error, Disconnected):
        return str(error.facts.get("reason"))
    return str(error) if isinstance(error, BatonError) else wire.why(error)


class AmqpChannel(Linked):
    """A connection to the first of `urls` that answers: see `baton.channel.Channel`.

    Made by `open`. Everything declared and consumed is put back in place after each reconnect,
    before the link is up again.
    """

    def __init__(self, urls: Sequence[str], name: str, watch_every: float = WATCH_EVERY) -> None:
        super().__init__()
        self.url = wire.shown(urls[0])
        self._urls = tuple(urls)
        self._name = name
        self._watch_every = watch_every
        self._session: Session | None = None
        self._wanted: dict[Binding, None] = {}
        self._subscriptions: list[AmqpSubscription] = []
        self._handlers = Handlers()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        for queue, bindings in STANDING_QUEUES:
            self._want(queue, bindings)

    @classmethod
    async def open(
        cls, urls: Sequence[str], *, name: str = "baton", watch_every: float = WATCH_EVERY
    ) -> AmqpChannel:
        """Start connecting, and return at once. `watch_every` is the watchdog's period in seconds.

        Raises SettingsError for a URL without a host.
        """
        for url in urls:
            if not urlsplit(url).hostname:
                raise SettingsError(
                    file="BATON_BUS_URL or [bus] url",
                    key="url",
                    problem=f"{wire.shown(url)} names no host",
                    must="amqp://USER:PASSWORD@HOST/VHOST",
                )
        channel = cls(urls, name, watch_every)
        channel._task = asyncio.create_task(channel._run(), name=f"{name}: bus")
        return channel

    @property
    def broker(self) -> str:
        """What answers there and its version; empty while nothing does."""
        return self._session.broker if self._session is not None else ""

    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        """Make sure of a queue and its bindings."""
        added = self._want(queue, bindings)
        if self._session is None or not added:
            return
        try:
            await answered(self._session.declare(added), self.url)
        except QueueMismatch:
            for item in added:
                self._wanted.pop(item, None)
            raise
        except (AMQPError, OSError, RuntimeError, TimeoutError, Disconnected) as error:
            # It is remembered, and declared before the link is up again.
            self._fault(f"{queue.name} could not be declared: {_why(error)}")

    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_WITHIN,
    ) -> None:
        """Publish and wait for the confirm."""
        await self._publish(exchange, (key,), envelope, mandatory, timeout)

    async def publish_later(
        self, key: str, envelope: Envelope, *, after: float, timeout: float = CONFIRM_WITHIN
    ) -> None:
        """Publish into the retry tier for `after` seconds; it comes back with its key."""
        # The first key is the one it is dead-lettered and delivered under; the second (CC) is the
        # one by which the retry exchange finds the tier.
        await self._publish(RETRY, (key, retry_queue(after).name), envelope, True, timeout)

    async def consume(
        self, queue: Queue, handler: Handler, *, prefetch: int = 100
    ) -> AmqpSubscription:
        """Hand each message of `queue` to `handler`."""
        await self.declare(queue)
        subscription = AmqpSubscription(
            queue, handler, prefetch, self._handlers, self._subscriptions.remove
        )
        self._subscriptions.append(subscription)
        if self._session is not None and self.link is not Link.DOWN:
            try:
                await answered(self._session.consume(subscription), self.url)
            except (AMQPError, OSError, RuntimeError, TimeoutError, Disconnected) as error:
                self._fault(f"{queue.name} could not be consumed: {_why(error)}")
        return subscription

    async def get(self, queue: Queue) -> AmqpDelivery | None:
        """One message of `queue`, if there is one."""
        return await self._ask(lambda session: session.get(queue))

    async def depth(self, queue: Queue) -> int | None:
        """How many messages wait in `queue`; None if there is no such queue."""
        return await self._ask(lambda session: session.depth(queue))

    async def close(self) -> None:
        """Stop consuming, wait a moment for the handlers at work, and close."""
        if self._closing:
            return
        self._closing = True
        for subscription in self._subscriptions:
            subscription.paused = True
        await self._handlers.drain()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _publish(
        self,
        exchange: str,
        keys: Sequence[str],
        envelope: Envelope,
        mandatory: bool,
        timeout: float,
    ) -> None:
        known(exchange)
        if self._session is None:
            raise Disconnected(url=self.url, reason=self.link_reason)
        if self.link is Link.BLOCKED:
            raise Blocked(url=self.url, reason=self.link_reason)
        await self._session.publisher.publish(
            exchange, keys, envelope, mandatory=mandatory, timeout=timeout
        )

    async def _ask(self, question: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        if self._session is None:
            raise Disconnected(url=self.url, reason=self.link_reason)
        try:
            found: T = await answered(question(self._session), self.url)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
            raise Disconnected(url=self.url, reason=wire.why(error)) from None
        return found

    def _want(self, queue: Queue, bindings: Sequence[tuple[str, str]]) -> list[Binding]:
        """Remember what is to be declared; returns what is new of it."""
        items = [(queue, "", ""), *((queue, exchange, key) for exchange, key in bindings)]
        added = [item for item in items if item not in self._wanted]
        self._wanted.update(dict.fromkeys(added))
        return added

    async def _run(self) -> None:
        """Connect, for as long as it takes, and again whenever the connection is lost."""
        turn = failures = 0
        try:
            while True:
                steady = await self._live(self._urls[turn % len(self._urls)])
                failures = 0 if steady else failures + 1
                turn += 1
                rounds, rest = divmod(failures, len(self._urls))
                if rest == 0:
                    await asyncio.sleep(pause(rounds, random.random()))
        finally:
            self._change(Link.DOWN, "closed")

    async def _live(self, url: str) -> bool:
        """One session at `url`, until it ends. Returns whether it was up for a good while."""
        session: Session | None = None
        up_since: float | None = None
        try:
            session = await answered(Session.open(url, self._name, self._blocked), wire.shown(url))
            await answered(self._prepare(session), wire.shown(url))
            up_since = time.monotonic()
            reason = await self._watch(session)
        except Exception as error:
            # Whatever it was: to give up here would leave us deaf for good.
            reason = _why(error)
        except asyncio.CancelledError:
            reason = "closed"
            raise
        finally:
            self._session = None
            self._change(Link.DOWN, reason)
            if session is not None:
                await session.close()
        log.warning("no link to the bus", url=wire.shown(url), reason=reason)
        return up_since is not None and time.monotonic() - up_since > STEADY_AFTER

    async def _prepare(self, session: Session) -> None:
        """Put everything in place, what is added meanwhile too; then the link is up."""
        declared: set[Binding] = set()
        consumed: set[AmqpSubscription] = set()
        while True:
            bindings = [item for item in self._wanted if item not in declared]
            if bindings:
                await session.declare(bindings)
                declared.update(bindings)
                continue
            self._session = session  # the first message may be answered before the link is up
            waiting = [item for item in self._subscriptions if item not in consumed]
            if not waiting:
                break
            try:
                await session.consume(waiting[0])
            except TimeoutError:
                # A quorum queue without a leader takes consumers and says nothing.
                raise Disconnected(
                    url=session.url, reason=f"the queue {waiting[0].queue.name} does not answer"
                ) from None
            consumed.add(waiting[0])
        if session.ended.done():
            raise Disconnected(url=session.url, reason=session.ended.result())
        self.url = session.url
        self._blocked(session.publisher.is_blocked)
        log.info("connected to the bus", url=self.url, queues=len(consumed))

    async def _watch(self, session: Session) -> str:
        """Until the session ends, ask the broker now and then whether it has our consumers."""
        while not session.ended.done():
            await asyncio.wait({session.ended}, timeout=self._watch_every)
            if session.ended.done():
                break
            try:
                await answered(session.watch(self._subscriptions), session.url)
            except (AMQPError, OSError, RuntimeError, TimeoutError, Disconnected) as error:
                session.fault(f"the watchdog had no answer: {_why(error)}")
        return session.ended.result()

    def _blocked(self, blocked: bool) -> None:
        if self._session is None:
            return
        if blocked:
            log.warning("the bus takes no messages", url=self.url)
            self._change(Link.BLOCKED, "the broker is low on memory or disk")
        else:
            self._change(Link.UP)

    def _fault(self, reason: str) -> None:
        if self._session is not None:
            self._session.fault(reason)
