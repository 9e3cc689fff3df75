"""Step 2 of the path (send): what waits in the outbox goes to the input exchange.

A message leaves the outbox only when the bus has confirmed it, so one that was sent just before a
crash is sent again, under the same id; agents start nothing twice. A request of a work queue is
sent once at most, since two workers might start two copies of it: what was not confirmed counts as
sent, and expires if no worker takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from baton.bus.api import API
from baton.bus.channel import Channel, Link
from baton.bus.link import WATCH_INTERVAL
from baton.bus.messages import now
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError, Unconfirmed, Unroutable
from baton.outcome import duration
from baton.timing.waiting import wait_at_most
from bot.jobs import OutboxMessage
from bot.priority import ForegroundPriority
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.outbox import NO_AGENT, NO_WORKER

log = structlog.get_logger(__name__)

BATCH_SIZE = 100
"""Messages whose confirms are awaited together."""
RETRY_DELAY = 0.5
"""Seconds before what RabbitMQ did not confirm is sent again."""


class OutboxRelay:
    """Sends what waits in the outbox.

    `job_changed` is called with each job that this changes. `registry` knows since when the link
    to RabbitMQ is lost. The outbox is read every `poll` seconds even if `wake` is not called,
    because other bots write to it too. `signer` signs what is sent, with its deadline.
    """

    def __init__(
        self,
        store: Store,
        channel: Channel,
        job_changed: Callable[[str], None],
        registry: ServerRegistry,
        *,
        poll: float,
        priority: ForegroundPriority | None = None,
        signer: Signer = UNSIGNED,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._channel = channel
        self._api = API(channel, signer)
        self._job_changed = job_changed
        self._registry = registry
        self._poll = poll
        self._priority = priority or ForegroundPriority()
        self._clock = clock
        self._woken = asyncio.Event()
        self._started = clock()

    def wake(self) -> None:
        """Read the outbox at once: something was put in it."""
        self._woken.set()

    async def run(self) -> None:
        """Send, until cancelled."""
        self._started = self._clock()
        while True:
            await self._priority.yield_to_foreground()
            self._woken.clear()
            try:
                pause = await self._send_batch()
            except DatabaseUnavailable as error:
                log.warning("cannot read the outbox, will retry", error=str(error))
                pause = RETRY_DELAY
            if pause:
                await wait_at_most(pause, self._woken.wait())

    async def _send_batch(self) -> float:
        """Send one batch; return the seconds to wait before the next one."""
        rows = await self._store.ledger.outbox(BATCH_SIZE)
        at = self._clock()
        # of these it is not known whether they were sent: a second copy could be started too
        sent = {row.id: row.accept_by(at) for row in rows if row.once and row.tried}
        rest = [row for row in rows if row.id not in sent]
        expired = {row.id: self._why_unsent(row, at) for row in rest if row.deadline < at}
        fresh = {row.id: row for row in rest if row.deadline >= at}
        unroutable: dict[str, str] = {}
        if fresh and self._channel.link is Link.UP:
            await self._begin_once(fresh)
            done, nowhere = await self._publish(list(fresh.values()), at)
            sent |= {name: fresh[name].accept_by(at) for name in done}
            unroutable = {name: self._why_nobody(fresh[name]) for name in nowhere}
        if sent or unroutable or expired:
            for job in await self._store.ledger.settle(sent, unroutable, expired, at=at):
                self._job_changed(job)
            left = fresh.keys() - sent.keys() - unroutable.keys()
            return RETRY_DELAY if left or not rows else 0.0
        return RETRY_DELAY if rows else self._poll

    async def _begin_once(self, fresh: dict[str, OutboxMessage]) -> None:
        """Record that the requests of work queues may have been sent, before they are; drop from
        `fresh` those that another bot sends."""
        once = [name for name, row in fresh.items() if row.once]
        if once:
            mine = await self._store.ledger.start_sending(once)
            for name in set(once) - mine:
                del fresh[name]

    def _why_unsent(self, row: OutboxMessage, at: datetime) -> str:
        """Return why `row` was not sent before its deadline: a fault of ours, not of the server."""
        waited_since = row.message.time
        blind_since = self._registry.blind_since
        if blind_since is not None:
            since = max(blind_since, waited_since)
            return f"not sent: RabbitMQ was unreachable for {_elapsed(since, at)}"
        if self._started > waited_since:
            return f"not sent: no bot was running for {_elapsed(waited_since, self._started)}"
        return f"not sent: RabbitMQ did not confirm it within {_elapsed(waited_since, at)}"

    def _why_nobody(self, row: OutboxMessage) -> str:
        """Return why no queue takes `row`. An agent that sent a heartbeat lately is running all the
        same."""
        if row.once:
            return NO_WORKER
        seen = self._registry.find(row.host) if row.host else None
        if seen is None or seen.missing:
            return NO_AGENT
        return (
            f"the last heartbeat came {duration(seen.silent)} ago, but RabbitMQ has no queue bound "
            f"to {row.key}: the agent restores it within {WATCH_INTERVAL:g} s; try again then"
        )

    async def _publish(
        self, rows: Sequence[OutboxMessage], at: datetime
    ) -> tuple[list[str], list[str]]:
        results = await asyncio.gather(
            *(
                self._api.publish(row.exchange, row.key, row.stamped(at), mandatory=row.mandatory)
                for row in rows
            ),
            return_exceptions=True,
        )
        sent, unroutable, not_sent = [], [], []
        for row, result in zip(rows, results, strict=True):
            if result is None:
                sent.append(row.id)
            elif isinstance(result, Unroutable):
                unroutable.append(row.id)
            elif isinstance(result, Unconfirmed) and row.once:
                log.warning("request not confirmed, not sent again", job=row.job, host=row.host)
                sent.append(row.id)
            elif isinstance(result, BatonError):
                if row.once:
                    not_sent.append(row.id)
                log.warning(
                    "request not confirmed, will retry",
                    job=row.job,
                    host=row.host,
                    error=str(result),
                )
            elif isinstance(result, Exception):
                # it waits until it expires, and must not keep the others
                log.error(
                    "internal error while sending a request",
                    job=row.job,
                    host=row.host,
                    exc_info=result,
                )
            else:
                raise result
        if not_sent:
            await self._store.ledger.not_sent(not_sent)
        return sent, unroutable


def _elapsed(begin: datetime, end: datetime) -> str:
    return duration((end - begin).total_seconds())
