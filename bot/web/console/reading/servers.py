"""Servers as a viewer may see them, and which release is live on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from baton.command import KnownServer
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.releases import LiveRelease
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import reader_of

LIVE_TTL = 2.0
"""Seconds for which what is live is known: pages that many people have open read it once."""
STOPPED = "Its agent was stopped."
SILENT = "No heartbeat arrives: the server, its agent or the network between has failed."

Live = Mapping[tuple[str, str], LiveRelease]
"""(host, app) -> what is live there."""


@dataclass(frozen=True, slots=True)
class SeenServer:
    """A server. `heard` is when its last heartbeat came; `silent`: it is missing, for the reason
    `why`. `apps` are its apps with what is live of each, None if the ledger does not know."""

    host: str
    environment: str
    version: str
    heard: datetime
    silent: bool
    why: str
    notes: tuple[str, ...]
    apps: tuple[tuple[str, LiveRelease | None], ...]


@dataclass(frozen=True, slots=True)
class SeenServers:
    """The servers that somebody may see. `left_out` counts the others; `blind_since` is since when
    the bot hears none."""

    servers: tuple[SeenServer, ...]
    left_out: int
    blind_since: datetime | None

    @property
    def silent(self) -> list[SeenServer]:
        """Those that are missing."""
        return [one for one in self.servers if one.silent]

    @property
    def environments(self) -> list[str]:
        """The environments that they are in."""
        return sorted({one.environment for one in self.servers})

    @property
    def apps(self) -> list[str]:
        """The apps that run on them."""
        return sorted({app for one in self.servers for app, _ in one.apps})


class ServerReading:
    """Reads servers for viewers."""

    def __init__(
        self, parts: ConsoleParts, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._parts = parts
        self._monotonic = monotonic
        self._live: Live = {}
        self._live_read_at = float("-inf")

    async def read(self, viewer: Viewer) -> SeenServers:
        """Return the servers that `viewer` may see. If the database is away, what is live on them
        is shown as it was last known."""
        now, registry = self._parts.clock(), self._parts.servers
        known = registry.servers()
        seen = await reader_of(self._parts.authorizer, viewer, "servers", now).visible(known)
        live, left = await self._live_now(), registry.visibility().left
        servers = tuple(_seen(one, now, live, left) for one in seen)
        return SeenServers(servers, len(known) - len(seen), registry.blind_since)

    async def _live_now(self) -> Live:
        now = self._monotonic()
        if now - self._live_read_at >= LIVE_TTL:
            self._live_read_at = now
            # every page says that the database is away
            with contextlib.suppress(DatabaseUnavailable):
                self._live = await self._parts.store.ledger.live_releases()
        return self._live


def _seen(one: KnownServer, now: datetime, live: Live, left: Collection[str]) -> SeenServer:
    facts = one.facts
    why = (STOPPED if facts.host in left else SILENT) if one.missing else ""
    return SeenServer(
        facts.host,
        facts.environment,
        facts.version,
        now - timedelta(seconds=one.silent),
        one.missing,
        why,
        one.notes,
        tuple((app, live.get((facts.host, app))) for app in facts.apps),
    )
