"""AmqpChannel is a connection to RabbitMQ that reconnects by itself."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog
from aiormq.exceptions import AMQPError
from typing_extensions import override

from baton.bus.amqp import reasons
from baton.bus.amqp.claims import is_claimed
from baton.bus.amqp.session import Publish, Session, answered
from baton.bus.amqp.subscription import AmqpDelivery, AmqpSubscription
from baton.bus.amqp.tls import look_at_tls
from baton.bus.channel import CONFIRM_TIMEOUT, Channel, Envelope, Handler, Link
from baton.bus.exchanges import DEAD_BINDINGS, DEAD_QUEUE, Queue, check_exchange
from baton.bus.link import WATCH_INTERVAL, HandlerTasks, Linked
from baton.bus.urls import redacted
from baton.errors import BusBlocked, BusRefused, Disconnected, NotMade
from baton.timing.backoff import delay

T = TypeVar("T")

log = structlog.get_logger(__name__)
# Baton logs each failure itself, once and with its meaning, instead of the client's tracebacks.
for _client in ("aio_pika", "aiormq"):
    logging.getLogger(_client).setLevel(logging.CRITICAL)

FIRST_DELAY, MAX_DELAY = 0.25, 10.0
"""Seconds between two attempts to connect."""

MAX_ROUNDS_FOR_OWNER = 3
"""While the exchanges are missing, the delay is at most that of so many failures: the bot may
create them at any moment."""

STEADY_AFTER = 10.0
"""After a link was up for so many seconds, the delays start over."""


def reconnect_delay(attempt: int, chance: float) -> float:
    """Return the seconds to wait after `attempt` failures; `chance` is from 0 to 1.

    Exponential, with jitter over the upper half, so that a thousand agents do not return at once.
    """
    return delay(attempt + 1, FIRST_DELAY, MAX_DELAY) * (0.5 + 0.5 * chance)


FAILURES = (AMQPError, OSError, RuntimeError, TimeoutError, Disconnected)
"""What a call raises if the connection or the broker fails."""


class AmqpChannel(Linked, Channel):
    """A connection to the first of `urls` that answers, opened by `open`.

    It restores everything declared and consumed after each reconnect, before the link is up again,
    and checks every `watch_every` seconds that it still exists.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str,
        watch_every: float = WATCH_INTERVAL,
        *,
        owner: bool = False,
        worker: bool = False,
    ) -> None:
        super().__init__()
        self.url = redacted(urls[0])
        self._urls = tuple(urls)
        self._name = name
        self._watch_every = watch_every
        self._session: Session | None = None
        self._owner, self._worker = owner, worker
        self._declared: dict[Queue, dict[tuple[str, str], None]] = {}
        self._refused_publishes: set[Publish] = set()
        self._refusals = 0
        self._awaits_owner = False
        self._subscriptions: list[AmqpSubscription] = []
        self._handlers = HandlerTasks()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        if owner:
            self._remember(DEAD_QUEUE, DEAD_BINDINGS)

    @classmethod
    async def open(
        cls,
        urls: Sequence[str],
        *,
        name: str = "baton",
        watch_every: float = WATCH_INTERVAL,
        owner: bool = False,
        worker: bool = False,
    ) -> AmqpChannel:
        """Start to connect, and return at once. An `owner` creates the exchanges and the queue of
        dead letters; a `worker` needs the exchanges of work too.

        Raises SettingsError if a URL names a file that cannot be read.
        """
        for url in urls:
            look_at_tls(url)
        channel = cls(urls, name, watch_every, owner=owner, worker=worker)
        channel._task = asyncio.create_task(channel._run(), name=f"{name}: bus")
        return channel

    @property
    @override
    def broker(self) -> str:
        return self._session.broker if self._session is not None else ""

    @override
    async def declare(self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()) -> None:
        is_new, added = queue not in self._declared, self._remember(queue, bindings)
        if self._session is None or not (is_new or added):
            return
        try:
            await self._ensure_queue(self._session, queue, added)
        except BusRefused:
            for one in added:
                self._declared[queue].pop(one, None)
            if is_new:
                self._declared.pop(queue, None)
            raise
        except FAILURES as error:
            # It is remembered, and declared before the link is up again.
            self._fail(f"{queue.name} could not be declared: {reasons.reason_of(error)}")

    @override
    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool = False,
        timeout: float = CONFIRM_TIMEOUT,
    ) -> None:
        check_exchange(exchange)
        if self._session is None:
            raise Disconnected(url=self.url, reason=self.link_reason)
        if self.link is Link.BLOCKED:
            raise BusBlocked(url=self.url, reason=self.link_reason)
        await self._session.publisher.publish(
            exchange, key, envelope, mandatory=mandatory, timeout=timeout
        )

    @override
    async def consume(
        self, queue: Queue, handler: Handler, *, prefetch: int = 100
    ) -> AmqpSubscription:
        await self.declare(queue)
        subscription = AmqpSubscription(
            queue, handler, prefetch, self._handlers, self._drop, self._again
        )
        self._subscriptions.append(subscription)
        if self._session is not None and self.link is not Link.DOWN:
            try:
                await self._consume(self._session, subscription)
            except BusRefused:
                self._drop(subscription)
                raise
            except FAILURES as error:
                self._fail(f"{queue.name} could not be consumed: {reasons.reason_of(error)}")
        return subscription

    @override
    async def get(self, queue: Queue, most: int) -> Sequence[AmqpDelivery]:
        return await self._ask(lambda session: session.get(queue, most))

    @override
    async def depth(self, queue: Queue) -> int | None:
        return await self._ask(lambda session: session.depth(queue))

    @override
    async def claim(self, name: str, holder: str) -> bool:
        return await self._ask(lambda session: session.claim(name, holder))

    @override
    async def is_claimed(self, name: str) -> bool:
        return await is_claimed(self, name)

    @override
    async def missing_rights(
        self, queue: Queue, bindings: Sequence[tuple[str, str]] = ()
    ) -> Sequence[BusRefused]:
        there = await self.depth(queue) is not None
        return await self._ask(lambda session: session.rights.missing(queue, bindings, there))

    @override
    async def may_not_publish(self, exchange: str, key: str) -> BusRefused | None:
        return await self._ask(lambda session: session.rights.publish(exchange, key))

    @override
    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        for subscription in self._subscriptions:
            subscription.paused = True
        await self._handlers.drain()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ask(self, question: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        if self._session is None:
            raise Disconnected(url=self.url, reason=self.link_reason)
        try:
            found: T = await answered(question(self._session), self.url)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
            raise Disconnected(url=self.url, reason=reasons.reason_of(error)) from None
        return found

    def _remember(self, queue: Queue, bindings: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Note what is declared, and return the bindings that are new."""
        wanted = self._declared.setdefault(queue, {})
        added = [one for one in bindings if one not in wanted]
        wanted.update(dict.fromkeys(added))
        return added

    async def _again(self, subscription: AmqpSubscription) -> None:
        """Consume again for `subscription`; while the link is down, it is done with the rest."""
        if self._session is None:
            return
        try:
            await answered(self._session.resume(subscription), self.url)
        except BusRefused:
            raise
        except FAILURES as error:
            name = subscription.queue.name
            self._fail(f"{name} could not be consumed: {reasons.reason_of(error)}")

    def _drop(self, subscription: AmqpSubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if self._session is not None:
            self._session.drop(subscription)

    async def _ensure_queue(
        self, session: Session, queue: Queue, bindings: Sequence[tuple[str, str]]
    ) -> int:
        """Declare `queue` with `bindings` and return how many consumers it has; 0 for an optional
        queue that is refused. Raises BusRefused, and what the client library raises."""
        try:
            consumers: int = await answered(session.declare(queue, bindings), session.url)
        except BusRefused as error:
            if not queue.optional:
                raise
            session.refused_queues.add(queue)
            self._lack(queue.name, error)
            return 0
        session.refused_queues.discard(queue)
        if all(each.queue != queue for each in self._subscriptions):
            self._lack(queue.name, None)
        return consumers

    async def _consume(self, session: Session, subscription: AmqpSubscription) -> None:
        """Consume for `subscription`, unless its queue is optional and refused."""
        queue = subscription.queue
        if queue in session.refused_queues:
            return
        try:
            await answered(session.consume(subscription), session.url)
            self._lack(queue.name, None)
        except BusRefused as error:
            if not queue.optional:
                raise
            self._lack(queue.name, error)
        except TimeoutError:
            # A quorum queue without a leader takes consumers and says nothing.
            raise Disconnected(
                url=session.url, reason=f"the queue {queue.name} does not answer"
            ) from None

    async def _run(self) -> None:
        """Connect for as long as it takes, and again whenever the connection is lost."""
        turn = failures = 0
        try:
            while True:
                steady = await self._run_session(self._urls[turn % len(self._urls)])
                failures = 0 if steady else failures + 1
                turn += 1
                rounds, rest = divmod(failures, len(self._urls))
                if self._awaits_owner:
                    rounds = min(rounds, MAX_ROUNDS_FOR_OWNER)
                if rest == 0:
                    await asyncio.sleep(reconnect_delay(rounds, random.random()))
        finally:
            self._change(Link.DOWN, "closed")

    async def _run_session(self, url: str) -> bool:
        """Run one session at `url` until it ends. Returns whether it was up for STEADY_AFTER."""
        session: Session | None = None
        up_since: float | None = None
        # "closed" stays if it is cancelled, or if the event loop ends around it
        reason, fix, refusal, self._awaits_owner = "closed", "", None, False
        shown = redacted(url)
        try:
            session = await answered(
                Session.open(
                    url, self._name, self._blocked, owner=self._owner, worker=self._worker
                ),
                shown,
            )
            await self._prepare(session)
            up_since = time.monotonic()
            reason = await self._watch(session)
        except Exception as error:
            # whatever it was: to give up here would leave the channel down for good
            reason, fix = reasons.reason_of(error), reasons.fix_for(error, url)
            refusal = error if isinstance(error, BusRefused) else None
            self._awaits_owner = isinstance(error, NotMade)
        finally:
            self._session = None
            # if another host of the pool accepts us, nothing is refused
            self._refusals = self._refusals + 1 if refusal is not None else 0
            final = refusal if self._refusals >= len(self._urls) else None
            self._change(Link.DOWN, reason, fix=fix, refusal=final)
            if session is not None:
                if session.refused_publish is not None:
                    self._refused_publishes.add(session.refused_publish)
                await session.close()
        if refusal is not None:
            log.error("RabbitMQ refuses this account, retrying", url=shown, reason=reason)
        else:
            log.warning("not connected to RabbitMQ, retrying", url=shown, reason=reason)
        return up_since is not None and time.monotonic() - up_since > STEADY_AFTER

    async def _prepare(self, session: Session) -> None:
        """Restore everything, including what is added meanwhile; then the link is up."""
        await self._check_publishes(session)
        placed: dict[Queue, tuple[tuple[str, str], ...]] = {}
        while placed != (wanted := {each: tuple(of) for each, of in self._declared.items()}):
            for queue in [each for each in wanted if wanted[each] != placed.get(each)]:
                await self._ensure_queue(session, queue, wanted[queue])
            placed = wanted
        self._session = session  # the first message may be answered before the link is up
        consumed: set[AmqpSubscription] = set()
        while waiting := [each for each in self._subscriptions if each not in consumed]:
            await self._consume(session, waiting[0])
            consumed.add(waiting[0])
        if session.ended.done():
            raise Disconnected(url=session.url, reason=session.ended.result())
        self.url = session.url
        self._blocked(session.publisher.is_blocked)
        log.info("connected to RabbitMQ", url=self.url, queues=len(consumed))

    async def _check_publishes(self, session: Session) -> None:
        """Check that what was refused in the last session is allowed now. Raises BusRefused."""
        for exchange, key in sorted(self._refused_publishes):
            refused = await answered(session.rights.publish(exchange, key), session.url)
            if refused is not None:
                raise refused
            self._refused_publishes.discard((exchange, key))

    async def _watch(self, session: Session) -> str:
        """Check regularly that all that we need exists. Returns why the session ended."""
        while not session.ended.done():
            await asyncio.wait({session.ended}, timeout=self._watch_every)
            if session.ended.done():
                break
            try:
                await self._check(session)
            except FAILURES as error:
                session.fail(f"RabbitMQ did not answer a check: {reasons.reason_of(error)}")
        return session.ended.result()

    async def _check(self, session: Session) -> None:
        """Restore exchanges, queues and bindings that somebody deleted. A lost consumer ends the
        session. Raises BusRefused if a permission was revoked."""
        await answered(session.ensure_exchanges(), session.url)
        for queue, bindings in list(self._declared.items()):
            wanted = session.expected_consumers(queue)
            consumers = await self._ensure_queue(session, queue, tuple(bindings))
            if consumers < min(wanted, session.expected_consumers(queue)):
                session.fail(f"RabbitMQ has no consumer of ours on {queue.name}")
            for subscription in [each for each in self._subscriptions if each.queue == queue]:
                await self._consume(session, subscription)

    def _blocked(self, blocked: bool) -> None:
        if self._session is None:
            return
        if blocked:
            log.warning("RabbitMQ accepts no messages", url=self.url)
            self._change(Link.BLOCKED, "RabbitMQ is low on memory or disk space")
        else:
            self._change(Link.UP)

    def _fail(self, reason: str) -> None:
        if self._session is not None:
            self._session.fail(reason)
