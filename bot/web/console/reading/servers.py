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
from bot.web.console.reading.viewing import note_of, reader_of

LIVE_TTL = 2.0
"""Seconds for which what is live is known: pages that many people have open read it once."""
STOPPED = "Its agent was stopped."
SILENT = "No heartbeat arrives: the server, its agent or the network between has failed."

Spot = tuple[str, str]
"""A host and an app: where something is live."""


@dataclass(frozen=True, slots=True)
class SeenRelease:
    """What is live of an app on a server that somebody may see. `job` is the id of the job that put
    it there, if they may read that job; else it is empty."""

    label: str
    ref: str
    commit: str
    release: str
    since: datetime
    job: str


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
    apps: tuple[tuple[str, SeenRelease | None], ...]


@dataclass(frozen=True, slots=True)
class SeenServers:
    """The servers that somebody may see. `left_out` counts the others, `note` says so;
    `blind_since` is since when the bot hears none."""

    servers: tuple[SeenServer, ...]
    left_out: int
    note: str
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
        self._live: Mapping[Spot, LiveRelease] = {}
        self._live_read_at = float("-inf")

    async def read(self, viewer: Viewer) -> SeenServers:
        """Return the servers that `viewer` may see. If the database is away, what is live on them
        is shown as it was last known."""
        now, registry = self._parts.clock(), self._parts.servers
        known = registry.servers()
        reader = reader_of(self._parts.authorizer, viewer, "servers", now)
        seen = await reader.visible(known)
        live = await self._live_now({one.facts.environment for one in known})
        hosts = {one.facts.host for one in seen}
        releases = await self._releases(
            viewer, now, [one for (host, _), one in live.items() if host in hosts]
        )
        left = registry.visibility().left
        servers = tuple(_seen(one, now, releases, left) for one in seen)
        left_out = len(known) - len(seen)
        note = note_of(reader, "server", left_out)
        return SeenServers(servers, left_out, note, registry.blind_since)

    async def _live_now(self, environments: Collection[str]) -> Mapping[Spot, LiveRelease]:
        now = self._monotonic()
        if now - self._live_read_at >= LIVE_TTL:
            self._live_read_at = now
            # every page says that the database is away
            with contextlib.suppress(DatabaseUnavailable):
                self._live = await self._parts.store.ledger.live_releases(environments)
        return self._live

    async def _releases(
        self, viewer: Viewer, now: datetime, live: Collection[LiveRelease]
    ) -> dict[Spot, SeenRelease]:
        """Return what is live as `viewer` may see it: the jobs that put it there may be others'."""
        authorizer = self._parts.authorizer
        reader = reader_of(authorizer, viewer, "jobs", now)
        jobs = {one.job.id: one.job for one in live}
        read = {id for id, job in jobs.items() if await reader.may_read(authorizer.job_record(job))}
        return {
            (one.host, one.app): SeenRelease(
                one.label,
                one.ref,
                one.commit,
                one.release,
                one.since,
                one.job.id if one.job.id in read else "",
            )
            for one in live
        }


def _seen(
    one: KnownServer, now: datetime, live: Mapping[Spot, SeenRelease], left: Collection[str]
) -> SeenServer:
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
