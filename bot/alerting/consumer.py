"""Consumes what comes over the bus for alerts: messages of others, and answers of agents to probes.

A message is acknowledged when it is in the database, as a sender over HTTP is answered only then;
while the database is away it waits on the bus. What cannot be parsed is a dead letter; of several
events in one message those that can be parsed are accepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from alerts.observation import Observation
from baton.bus.api import dead_letter
from baton.bus.batching import Batcher
from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import MONITOR_QUEUE, PROBED_QUEUE, bot_bindings
from baton.bus.messages import Probed, decode
from baton.bus.queue_consumer import QueueConsumer
from baton.errors import InvalidMessage
from baton.text.printable import printable
from bot.findings import Findings, LoggedFindings
from bot.ingest.bus import SENDER, parse
from bot.ingest.errors import BadInput
from bot.ingest.model import AlertSink
from bot.ingest.rejections import Rejections
from bot.ingest.sender_verification import SenderVerifier, forged_sender
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

PREFETCH = 500
BATCH_SIZE = 100
"""Messages that are stored in one transaction, at most."""


class AlertConsumer:
    """Hands messages to `sink`, answers to `probed`, and what is rejected to `rejections`. An
    answer must come from the agent that it names: `identity` judges that."""

    def __init__(
        self,
        channel: Channel,
        sink: AlertSink,
        probed: Callable[[Probed], None],
        rejections: Rejections,
        identity: SenderVerifier | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._channel = channel
        self._sink = sink
        self._probed = probed
        self._rejections = rejections
        self._identity = identity or SenderVerifier()
        self._findings = findings or LoggedFindings()
        self._seen: Batcher[Sequence[Observation], None] = Batcher(
            self._store, most=BATCH_SIZE, retry_on=DatabaseUnavailable
        )
        self._queues = QueueConsumer(channel)

    async def start(self) -> None:
        """Start to consume. A queue that RabbitMQ refuses is left out."""
        for queue, handle in (
            (PROBED_QUEUE, self._probed_came),
            (MONITOR_QUEUE, self._message_came),
        ):
            await self._queues.consume(queue, bot_bindings(queue), handle, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Stop to consume. What was received is stored first, or goes back to the bus if the
        database is away."""
        await self._queues.stop()
        await self._seen.stop()

    async def _message_came(self, delivery: Delivery) -> None:
        try:
            received = parse(delivery.key, delivery.envelope, time.time())
            if received.rejected and not received.accepted:
                raise received.rejected[0]
            seen = self._sink.observations(received.accepted)
        except BadInput as error:
            self._rejections.add(SENDER, [error])
            await dead_letter(self._channel, delivery, printable(str(error)))
            return
        self._rejections.add(SENDER, received.rejected)
        try:
            await self._seen.submit(seen)
        except DatabaseUnavailable:
            await delivery.reject(requeue=True)
        else:
            await delivery.ack()

    async def _probed_came(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Probed):
                raise InvalidMessage(reason=f"no probe is answered by a {message.type}")
        except InvalidMessage as error:
            key = printable(delivery.key)
            log.warning("message moved to the dead letters", reason=str(error), key=key)
            await dead_letter(self._channel, delivery, str(error))
            return
        user = delivery.envelope.user
        reason = self._identity.unsigned(message, delivery.envelope)
        if reason := reason or self._identity.doubt(message, user, delivery.key):
            self._findings.found(forged_sender(message, user, reason))
            key = printable(delivery.key)
            log.warning("message moved to the dead letters", reason=reason, key=key)
            await dead_letter(self._channel, delivery, reason)
            return
        try:
            self._probed(message)
        except Exception:
            log.exception(
                "the answer to a probe could not be processed", host=printable(message.host)
            )
        await delivery.ack()

    async def _store(self, several: Sequence[Sequence[Observation]]) -> Sequence[None]:
        await self._sink.store([one for each in several for one in each])
        return [None] * len(several)
