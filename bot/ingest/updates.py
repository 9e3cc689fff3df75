"""Step 5 of the path, its first half (store): what the servers report goes into the ledger.

A message is acknowledged once the ledger has it; what arrives while the database is unavailable
waits in RabbitMQ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from baton.bus.api import dead_letter
from baton.bus.batching import Batcher
from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import BOT_QUEUE, HEARTBEAT_QUEUE, bot_bindings
from baton.bus.messages import Heartbeat, Message, Pong, Surveyed, Update, decode, now
from baton.bus.queue_consumer import QueueConsumer
from baton.errors import InvalidMessage
from baton.text.printable import printable
from bot.findings import Findings
from bot.ingest.sender_verification import (
    FromServer,
    SenderVerifier,
    forged_sender,
    unrequested_report,
)
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Message)

PREFETCH = 2000


class _Unrequested(Exception):
    """The message belongs to no run of ours, for this reason."""


class UpdateHooks(Protocol):
    """What else is called with what servers report, beside the ledger: at once, and only with what
    is believed. What a hook raises is logged; the message still goes into the ledger."""

    def heartbeat_received(self, beat: Heartbeat) -> None:
        """A server has sent a heartbeat."""

    def pong_received(self, pong: Pong) -> None:
        """A server has answered a ping."""


class UpdateConsumer:
    """Consumes the bot's queues of updates and heartbeats.

    `job_changed` is called with each job that an update changes. `verifier` decides what is
    believed; `findings` notifies people of what is not. `hooks` are called beside the ledger,
    `surveyed` with the answers of servers that somebody waits for.
    """

    def __init__(
        self,
        store: Store,
        channel: Channel,
        registry: ServerRegistry,
        job_changed: Callable[[str], None],
        verifier: SenderVerifier,
        findings: Findings,
        hooks: UpdateHooks,
        clock: Callable[[], datetime] = now,
        surveyed: Callable[[Surveyed], None] = lambda said: None,
    ) -> None:
        self._store = store
        self._channel = channel
        self._registry = registry
        self._job_changed = job_changed
        self._clock = clock
        self._verifier = verifier
        self._findings = findings
        self._hooks = hooks
        self._surveyed = surveyed
        self._updates: Batcher[Update | Pong, None] = Batcher(
            self._apply, most=1000, retry_on=DatabaseUnavailable
        )
        self._heartbeats: Batcher[Heartbeat, None] = Batcher(self._store_heartbeats, most=1000)
        self._queues = QueueConsumer(channel, self._failed)
        self.received: Counter[str] = Counter()
        """How many messages were received, by type."""
        self.rejected: Counter[str] = Counter()
        """How many of them were dead-lettered, by reason."""

    async def start(self) -> None:
        """Begin to consume. Raises BusRefused."""
        for queue, handle in (
            (BOT_QUEUE, self._update_came),
            (HEARTBEAT_QUEUE, self._heartbeat_came),
        ):
            await self._queues.consume(queue, bot_bindings(queue), handle, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Stop consuming. What was received goes into the ledger, or back to RabbitMQ if the
        database is unavailable."""
        await self._queues.stop()
        await self._updates.stop()
        await self._heartbeats.drained()

    async def _update_came(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Update | Pong):
                raise InvalidMessage(reason=f"the ledger does not use {message.type}")
        except InvalidMessage as error:
            await self._bury(delivery, "invalid", str(error))
            return
        self.received[message.type] += 1
        if await self._is_forged(delivery, message):
            return
        if isinstance(message, Pong):
            _call(self._hooks.pong_received, message)
        try:
            await self._updates.submit(message)
        except DatabaseUnavailable:
            await delivery.reject(requeue=True)
        except _Unrequested as error:
            self._findings.found(unrequested_report(message, str(error)))
            await self._bury(delivery, "unasked", str(error))
        except Exception as error:
            log.error("cannot apply an update to the ledger", message=message.id, exc_info=error)
            reason = f"the ledger cannot apply it: {type(error).__name__}"
            await self._bury(delivery, "fault", reason)
        else:
            await delivery.ack()

    async def _heartbeat_came(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Heartbeat | Surveyed):
                raise InvalidMessage(reason=f"the server registry does not use {message.type}")
        except InvalidMessage as error:
            await self._bury(delivery, "invalid", str(error))
            return
        self.received[message.type] += 1
        if await self._is_forged(delivery, message):
            return
        if isinstance(message, Surveyed):
            await delivery.ack()
            self._surveyed(message)
            return
        proven = self._verifier.proves(message, delivery.envelope.user)
        if not self._registry.record(message, proven=proven, again=delivery.redelivered):
            await self._bury(delivery, "moved", "it is in another environment than is known")
            return
        _call(self._hooks.heartbeat_received, message)
        await delivery.ack()
        await self._heartbeats.submit(message)

    async def _is_forged(self, delivery: Delivery, message: FromServer) -> bool:
        """Return whether `message` is not from the server that it names. It is then dead-lettered,
        and people are notified."""
        user, kind = delivery.envelope.user, "signature"
        reason = self._verifier.unsigned(message, delivery.envelope)
        if not reason:
            kind, reason = "identity", self._verifier.doubt(message, user, delivery.key)
        if not reason:
            return False
        self._findings.found(forged_sender(message, user, reason))
        await self._bury(delivery, kind, reason)
        return True

    def _failed(self) -> None:
        self.rejected["fault"] += 1

    async def _bury(self, delivery: Delivery, kind: str, reason: str) -> None:
        self.rejected[kind] += 1
        log.warning("message moved to the dead letters", reason=reason, key=printable(delivery.key))
        await dead_letter(self._channel, delivery, reason)

    async def _apply(self, messages: Sequence[Update | Pong]) -> Sequence[Exception | None]:
        strange: dict[int, str] = {}
        try:
            jobs = await self._store.ledger.apply_updates(messages, self._clock(), strange)
        except DatabaseUnavailable:
            raise  # the batch is tried again
        except Exception as error:
            if len(messages) == 1:
                return [error]
            # one of them cannot be applied: the others must not suffer for it
            return [result for one in messages for result in await self._apply([one])]
        for job in jobs:
            self._job_changed(job)
        return [
            _Unrequested(strange[place]) if place in strange else None
            for place in range(len(messages))
        ]

    async def _store_heartbeats(self, beats: Sequence[Heartbeat]) -> Sequence[None]:
        try:
            await self._store.servers.record(beats, self._clock())
        except DatabaseUnavailable as error:
            # the next heartbeat follows, and the registry in memory has this one
            log.warning("heartbeats not stored", error=str(error))
        return [None] * len(beats)


def _call(hook: Callable[[M], None], message: M) -> None:
    """Call `hook`, and log what it raises: the message must still go into the ledger."""
    try:
        hook(message)
    except Exception:
        log.exception("a hook failed", message=message.id)
