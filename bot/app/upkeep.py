"""What a bot does again and again for itself, a round at a time. bot.app.periodic calls these."""

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
from bot.ingest.sender_verification import SenderVerifier
from bot.posts.reconciler import PostReconciler
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

POLL_INTERVAL = 0.5
"""Seconds between two looks at what other bots wrote into the same database, and at the clock."""
FOLLOW_INTERVAL = 1.0
"""Seconds between two looks for servers that other bots heard."""
PRUNE_INTERVAL = 3600.0
"""Seconds between two clearings of what is older than is kept."""


class Upkeep:
    """Keeps what this bot knows of `servers`, whom `verifier` believes and the posts that
    `reconciler` shows equal to what the database and the clock say. `name` is this bot's; what is
    older than `retention` is deleted. Every round raises DatabaseUnavailable."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        servers: ServerRegistry,
        verifier: SenderVerifier,
        reconciler: PostReconciler,
        *,
        name: str,
        retention: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._channel = channel
        self._api = API(channel)
        self._servers = servers
        self._verifier = verifier
        self._reconciler = reconciler
        self._name = name
        self._retention = retention
        self._clock = clock
        self._forgotten: dict[str, datetime] = {}

    async def load_servers(self) -> None:
        """Know the servers that the database knows, if it answers."""
        with contextlib.suppress(DatabaseUnavailable):
            self._servers.load(await self._store.servers.all())

    def forget_server(self, host: str, at: datetime) -> None:
        """People have forgotten the server `host` at that moment."""
        self._servers.forget(host, at)
        self._verifier.forget(host)

    async def follow_other_bots(self, *, leading: bool) -> None:
        """While another bot leads, know the servers that it hears, and always those that people
        have forgotten: they may have asked another bot."""
        if not leading:
            self._servers.load(await self._store.servers.all())
        forgotten = await self._store.servers.forgotten()
        for host, at in forgotten.items():
            if self._forgotten.get(host) != at:  # once: what is heard later is heard anew
                self.forget_server(host, at)
        self._forgotten = forgotten

    async def sync_posts(self) -> None:
        """See what time alone changes, and what other bots wrote."""
        self._reconciler.check_visibility()
        await self._reconciler.sync_revisions()
        at = self._clock()
        due = await self._store.ledger.next_deadline()
        if due is not None and due <= at:
            for job in await self._store.ledger.close_overdue(at, self._servers.seeing_since):
                self._reconciler.mark_dirty(job)

    async def discover(self, listening: asyncio.Future[None]) -> float:
        """Ask every agent for a heartbeat, once: the database may know nothing yet, or too little.
        Not before the answers can be heard, which is when `listening` is done. Raises BatonError.
        """
        await asyncio.wait([listening])
        await self._channel.wait_up()
        await self._api.publish(INPUT, DISCOVER, Discover(source=self._name))
        return math.inf

    async def prune(self) -> None:
        """Clear what is older than is kept."""
        await self._store.prune(self._clock() - self._retention)
