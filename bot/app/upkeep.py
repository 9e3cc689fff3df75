"""Recurring work of the bot itself, a round at a time; bot.app.task_table says how often."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from baton.bus.api import API
from baton.bus.channel import Channel
from baton.bus.exchanges import DISCOVER, INPUT
from baton.bus.messages import Discover, now
from baton.bus.signing.signer import UNSIGNED, Signer
from bot.ingest.sender_verification import SenderVerifier
from bot.posts.reconciler import PostReconciler
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

POLL_INTERVAL = 0.5
"""Seconds between two looks at what other bots wrote into the database, and at deadlines."""
LOST_INTERVAL = 2.0
"""Seconds between two looks for workers that are lost."""
FOLLOW_INTERVAL = 1.0
"""Seconds between two looks for servers that other bots know, or forgot."""
LOCK_INTERVAL = 5.0
"""Seconds between two looks at the locks: what is due sooner is done when it is due."""
PRUNE_INTERVAL = 3600.0
"""Seconds between two deletions of what is older than the retention."""


class Upkeep:
    """Keeps what this bot knows of `servers`, whom `verifier` believes and the posts that
    `reconciler` shows equal to what the database and the clock say. `job_changed` is called with
    the id of a job that has something to send. `name` is this bot's; what is
    older than `retention` is deleted. Every round raises DatabaseUnavailable."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        servers: ServerRegistry,
        verifier: SenderVerifier,
        reconciler: PostReconciler,
        job_changed: Callable[[str], None],
        *,
        name: str,
        retention: timedelta,
        signer: Signer = UNSIGNED,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._channel = channel
        self._api = API(channel, signer)
        self._servers = servers
        self._verifier = verifier
        self._reconciler = reconciler
        self._job_changed = job_changed
        self._name = name
        self._retention = retention
        self._clock = clock
        self._forgotten: dict[str, datetime] = {}

    async def load_servers(self) -> None:
        """Load the known servers from the database, if it answers."""
        with contextlib.suppress(DatabaseUnavailable):
            self._servers.load(await self._store.servers.all())

    def forget_server(self, host: str, at: datetime) -> None:
        """Forget the server `host`, as somebody asked at that moment."""
        self._servers.forget(host, at)
        self._verifier.forget(host)

    async def follow_other_bots(self, *, leading: bool) -> None:
        """Learn the servers that another bot heard while that one leads, and always those that
        people told another bot to forget."""
        if not leading:
            self._servers.load(await self._store.servers.all())
        forgotten = await self._store.servers.forgotten()
        for host, at in forgotten.items():
            if self._forgotten.get(host) != at:  # once: a later heartbeat makes it known again
                self.forget_server(host, at)
        self._forgotten = forgotten

    async def sync_posts(self) -> None:
        """Update posts that other bots, deadlines or our own view of the servers changed."""
        self._reconciler.check_visibility()
        await self._reconciler.sync_revisions()
        at = self._clock()
        due = await self._store.ledger.next_deadline()
        if due is not None and due <= at:
            for job in await self._store.ledger.close_overdue(at, self._servers.seeing_since):
                self._reconciler.mark_dirty(job)

    async def end_lost(self) -> None:
        """End what workers had to do whose heartbeats ended, and start it again as often as their
        runners say."""
        lost = self._servers.lost_workers()
        if lost:
            for job in await self._store.ledger.end_lost(lost, self._clock()):
                self._job_changed(job)

    async def discover(self, listening: asyncio.Future[None]) -> float:
        """Ask every agent for a heartbeat, once, since the database may not know all of them.

        It waits for `listening`, after which the answers reach us. Raises BatonError.
        """
        await asyncio.wait([listening])
        await self._channel.wait_up()
        await self._api.publish(INPUT, DISCOVER, Discover(source=self._name))
        return math.inf

    async def advance_locks(self) -> float | None:
        """End locks whose time is over, begin those that follow, and remind their owners. Return
        the seconds until something is due next; None if no lock is open."""
        return await self._store.locks.round()

    async def prune(self) -> None:
        """Delete what is older than the retention."""
        await self._store.prune(self._clock() - self._retention)
