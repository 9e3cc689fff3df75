"""The inbox of a worker: orders to cancel, of the bot and of PyBit, and questions who is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from baton.agent.trust.trust import Trust
from baton.agent.verdicts import Verdict
from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import (
    DISCOVER,
    INPUT,
    agent_queue,
    cancel_work_key,
    foreign_queue,
    host_key,
    queue_of,
)
from baton.bus.messages import Cancel, Discover, Message, State, decode
from baton.bus.queue_consumer import QueueConsumer
from baton.errors import InvalidMessage, NotBelieved
from baton.worker.journal import Stage, WorkJournal
from baton.worker.pybit.build_request import CancelRequest
from baton.worker.pybit.build_request import decode as decode_pybit
from baton.worker.taking import Taking

log = structlog.get_logger(__name__)

PREFETCH = 50
BY_PYBIT = Verdict(State.CANCELLED, "cancelled at PyBit")


class Inbox:
    """It takes what is for the worker `name`; `discover` is called when a bot asks who is there,
    `tell` with a closing message that is to be sent again; `trust` says who is believed."""

    def __init__(
        self,
        channel: Channel,
        journal: WorkJournal,
        taking: Taking,
        *,
        name: str,
        queues: Iterable[str],
        cancels: str | None,
        discover: Callable[[], None],
        tell: Callable[[Message], None],
        trust: Trust | None = None,
    ) -> None:
        self._channel = channel
        self._journal = journal
        self._taking = taking
        self._name = name
        self._queues = frozenset(queues)
        self._cancels = cancels
        self._discover = discover
        self._tell = tell
        self._trust = trust or Trust()
        self._consumer = QueueConsumer(channel)

    async def start(self) -> None:
        """Take what arrives. Raises BusRefused."""
        await self._consumer.consume(
            agent_queue(self._name), self._bindings(), self._received, prefetch=PREFETCH
        )
        if self._cancels is not None:
            await self._consumer.consume(
                foreign_queue(self._cancels), (), self._pybit, prefetch=PREFETCH
            )

    async def add(self, queues: Iterable[str]) -> None:
        """Take what cancels jobs of these queues too. Raises BusRefused."""
        self._queues |= frozenset(queues)
        await self._channel.declare(agent_queue(self._name), self._bindings())

    def _bindings(self) -> list[tuple[str, str]]:
        keys = [host_key(self._name), DISCOVER, *map(cancel_work_key, sorted(self._queues))]
        return [(INPUT, key) for key in keys]

    async def stop(self) -> None:
        """Take nothing more."""
        await self._consumer.stop()

    async def _received(self, delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        doubt = self._trust.doubt(message, delivery.envelope)
        if isinstance(message, Cancel):
            if doubt:
                raise NotBelieved(type=message.type, reason=doubt)
            await self._cancel(message)
        elif isinstance(message, Discover):
            if doubt:  # a question, which nobody needs to send again
                log.warning("nothing was answered to whoever asks for workers", reason=doubt)
            else:
                self._discover()
        else:
            raise InvalidMessage(reason=f"a worker does not use {message.type} in its inbox")
        await delivery.ack()

    async def _cancel(self, cancel: Cancel) -> None:
        if queue_of(cancel.host) not in self._queues:
            log.warning("ignored a cancel for a queue that is not served here", host=cancel.host)
            return
        verdict = Verdict(State.CANCELLED, f"cancelled by {cancel.requester.label}")
        active = self._taking.active.get((cancel.request, cancel.attempt))
        if active is not None:
            active.end(verdict)  # whether or not the journal can be written
        known = await self._journal.record_cancel(cancel.request, cancel.attempt)
        if active is not None:
            return
        if known is not None and (closing := known.closing) is not None:
            self._tell(closing)  # whoever cancels has not heard it
        elif known is not None and known.stage is Stage.PARKED:
            await self._taking.cancel_entry(known, verdict)

    async def _pybit(self, delivery: Delivery) -> None:
        found = decode_pybit(delivery.envelope.body)
        if not isinstance(found, CancelRequest):
            raise InvalidMessage(reason="it is no order to cancel, and only those are taken here")
        for active in self._taking.active.values():
            if not active.job.ours and active.job.job == found.job_id:
                active.end(BY_PYBIT)
        for entry in await self._journal.record_cancel_of(found.job_id):
            await self._taking.cancel_entry(entry, BY_PYBIT)
        await delivery.ack()
