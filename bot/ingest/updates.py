"""Step 5 of the path (telling), its first half: what the servers report goes into the ledger.

A message is acknowledged when the ledger has it; what comes while the database is away waits on
the bus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from baton.api import bury
from baton.batching import Batcher
from baton.bus.queue_consumer import QueueConsumer
from baton.channel import Channel, Delivery
from baton.errors import InvalidMessage
from baton.exchanges import BOT_QUEUE, HEARTBEAT_QUEUE, heard
from baton.messages import Heartbeat, Message, Pong, Update, decode, now
from baton.text.printable import printable
from bot.findings import Findings
from bot.ingest.sender_verification import Identity, forged, unasked
from bot.servers.registry import Roster
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Message)

PREFETCH = 2000


class _Unasked(Exception):
    """It belongs to no run of ours, for this reason."""


class UpdateHooks(Protocol):
    """Whoever else needs what servers report, beside the ledger: at once, and only what is
    believed. What a hook raises is logged, and keeps nothing from the ledger."""

    def heartbeat_received(self, beat: Heartbeat) -> None:
        """A server has sent a heartbeat."""

    def pong_received(self, pong: Pong) -> None:
        """A server has answered a ping."""


class Hearing:
    """Consumes the bot's queues. `touched` is called with each job that has news; `findings` has
    people told of what is not believed, by `identity`; `hooks` are for those who watch servers."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        roster: Roster,
        touched: Callable[[str], None],
        identity: Identity,
        findings: Findings,
        hooks: UpdateHooks,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._channel = channel
        self._roster = roster
        self._touched = touched
        self._clock = clock
        self._identity = identity
        self._findings = findings
        self._hooks = hooks
        self._news: Batcher[Update | Pong, None] = Batcher(
            self._apply, most=1000, retry_on=DatabaseUnavailable
        )
        self._beats: Batcher[Heartbeat, None] = Batcher(self._keep, most=1000)
        self._queues = QueueConsumer(channel, self._failed)
        self.heard: Counter[str] = Counter()
        """How many messages came, by type."""
        self.refused: Counter[str] = Counter()
        """How many of them were not taken, by why."""

    async def start(self) -> None:
        """Take what comes. Raises BusRefused."""
        for queue, handle in (
            (BOT_QUEUE, self._news_came),
            (HEARTBEAT_QUEUE, self._beat_came),
        ):
            await self._queues.consume(queue, heard(queue), handle, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Take nothing more. What was taken goes into the ledger, or back to the bus if the
        database is away."""
        await self._queues.stop()
        await self._news.stop()
        await self._beats.drained()

    async def _news_came(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Update | Pong):
                raise InvalidMessage(reason=f"the ledger takes no {message.type}")
        except InvalidMessage as error:
            await self._bury(delivery, "invalid", str(error))
            return
        self.heard[message.type] += 1
        if await self._doubted(delivery, message):
            return
        if isinstance(message, Pong):
            _call(self._hooks.pong_received, message)
        try:
            await self._news.submit(message)
        except DatabaseUnavailable:
            await delivery.reject(requeue=True)
        except _Unasked as error:
            self._findings.found(unasked(message, str(error)))
            await self._bury(delivery, "unasked", str(error))
        except Exception as error:
            log.error("cannot be applied", message=message.id, exc_info=error)
            reason = f"the ledger cannot take it: {type(error).__name__}"
            await self._bury(delivery, "fault", reason)
        else:
            await delivery.ack()

    async def _beat_came(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Heartbeat):
                raise InvalidMessage(reason=f"the roster takes no {message.type}")
        except InvalidMessage as error:
            await self._bury(delivery, "invalid", str(error))
            return
        self.heard[message.type] += 1
        if await self._doubted(delivery, message):
            return
        proven = self._identity.proves(message, delivery.envelope.user)
        if not self._roster.hear(message, proven=proven, again=delivery.redelivered):
            await self._bury(delivery, "moved", "it is in another environment than is known")
            return
        _call(self._hooks.heartbeat_received, message)
        await delivery.ack()
        await self._beats.submit(message)

    async def _doubted(self, delivery: Delivery, message: Update | Pong | Heartbeat) -> bool:
        """Whether `message` is not from the server that it names: then it is buried, and told."""
        user = delivery.envelope.user
        reason = self._identity.doubt(message, user, delivery.key)
        if not reason:
            return False
        self._findings.found(forged(message, user, reason))
        await self._bury(delivery, "identity", reason)
        return True

    def _failed(self) -> None:
        self.refused["fault"] += 1

    async def _bury(self, delivery: Delivery, kind: str, reason: str) -> None:
        self.refused[kind] += 1
        log.warning("dead-lettered", reason=reason, key=printable(delivery.key))
        await bury(self._channel, delivery, reason)

    async def _apply(self, messages: Sequence[Update | Pong]) -> Sequence[Exception | None]:
        strange: dict[int, str] = {}
        try:
            jobs = await self._store.ledger.hear(messages, self._clock(), strange)
        except DatabaseUnavailable:
            raise  # the batch is tried again
        except Exception as error:
            if len(messages) == 1:
                return [error]
            # one of them cannot be applied: the others must not suffer for it
            return [result for one in messages for result in await self._apply([one])]
        for job in jobs:
            self._touched(job)
        return [
            _Unasked(strange[place]) if place in strange else None for place in range(len(messages))
        ]

    async def _keep(self, beats: Sequence[Heartbeat]) -> Sequence[None]:
        try:
            await self._store.servers.heard(beats, self._clock())
        except DatabaseUnavailable as error:
            # the next heartbeat follows; the roster in memory has this one
            log.warning("heartbeats not kept", error=str(error))
        return [None] * len(beats)


def _call(hook: Callable[[M], None], message: M) -> None:
    """Call `hook`. What it raises must not keep the message from the ledger."""
    try:
        hook(message)
    except Exception:
        log.exception("a hook failed", message=message.id)
