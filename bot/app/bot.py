"""The bot: it answers people at any time; while it leads it also sends, takes updates and posts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from baton.bus.channel import Channel, Link
from bot.alerting import AlertRunner
from bot.alerting.reloader import Reloader
from bot.app import task_table
from bot.app.audit_sealer import AuditSealer
from bot.app.dispatching import Dispatching
from bot.app.front_ends import FrontEnds
from bot.app.parts import Parts, cancel_all
from bot.app.periodic import PeriodicTasks
from bot.app.upkeep import Upkeep
from bot.app.with_alerts import NoAlerts, WithAlerts
from bot.dispatch.people import Directory
from bot.findings import FindingReports
from bot.fronts.protocol import Front
from bot.ingest.rejections import Rejections
from bot.ingest.updates import UpdateConsumer
from bot.leader import Leader
from bot.outbox.holding import HeldJobs
from bot.outbox.relay import OutboxRelay
from bot.posts.job_posts import JobPosts
from bot.posts.reconciler import PostReconciler
from bot.servers.registry import ServerRegistry
from bot.store import Store

log = structlog.get_logger(__name__)


@dataclass(eq=False, kw_only=True)
class Bot:
    """Everything behind the front ends, made by `bot.app.assemble`. The parts do the work; the bot
    starts, stops and leads. `lease` is in seconds."""

    name: str
    store: Store
    channel: Channel
    servers: ServerRegistry
    dispatching: Dispatching
    job_posts: JobPosts
    reconciler: PostReconciler
    relay: OutboxRelay
    held_jobs: HeldJobs
    updates: UpdateConsumer
    front_ends: FrontEnds
    alerts: WithAlerts | NoAlerts
    findings: FindingReports
    rejections: Rejections
    upkeep: Upkeep
    sealer: AuditSealer
    periodic: PeriodicTasks
    parts: Parts
    lease: float
    leader: Leader = field(init=False)

    def __post_init__(self) -> None:
        self.dispatcher = self.dispatching.dispatcher
        self.scheduler = self.dispatching.scheduler
        self.leader = Leader(
            self.store.leases, self.name, self._begin, self._end, seconds=self.lease
        )
        # apart, so that neither jobs nor alerts wait for the other
        self.reconcilers = (self.reconciler, *self.alerts.reconcilers)
        self._always: list[asyncio.Task[None]] = []
        self._leading: list[asyncio.Task[None]] = []
        self._listening: asyncio.Task[None] | None = None

    @property
    def alert_runner(self) -> AlertRunner | None:
        """Return what runs the alerts, if this bot has any."""
        return self.alerts.runner

    @property
    def alert_reloader(self) -> Reloader | None:
        """Return what reloads the settings of alerts, if they are from a file."""
        return self.alerts.reloader

    def show_in(self, front: Front, people: Directory | None) -> None:
        """Show posts in `front`, each that belongs there. `people` is its directory of users, if it
        has one."""
        if people is not None:
            self.dispatching.people.add(front.name, people)
        self.front_ends.add(front)
        if self.leader.leading:
            for reconciler in self.reconcilers:
                reconciler.mark_all_dirty()

    async def start(self) -> None:
        """Start, without waiting for RabbitMQ or the lease: people are answered at once."""
        self.channel.on_link(self._link_changed)
        self.servers.link_changed(self.channel.link)
        await self.upkeep.load_servers()
        self.periodic.start()
        self.periodic.add(
            *task_table.always(
                self.upkeep,
                lambda: self.leader.leading,
                self.alerts.reloader,
                self.dispatching.freezes,
                self.findings,
            )
        )
        self._always = [
            self.parts.start(self.leader.run(), "leadership"),
            self.parts.start(self._until_refused(), "the link to RabbitMQ"),
        ]

    async def failed(self) -> NoReturn:
        """Wait until a part of the bot fails by an error of ours, and raise that error.

        After that the bot works only in part: `stop` it, and let a supervisor start it again.
        """
        await self.parts.failed()

    async def stop(self) -> None:
        """Stop. The next bot continues what is under way."""
        await cancel_all(self._always)
        await self.periodic.stop()
        await self.alerts.close()

    def job_changed(self, job: str) -> None:
        """Send and show `job`, if this bot leads. Another leader finds it in the database."""
        if self.leader.leading:
            self.relay.wake()
            self.held_jobs.wake()
            self.reconciler.mark_dirty(job)

    async def _begin(self) -> None:
        await self.upkeep.load_servers()
        self.front_ends.open()
        # not awaited: the lease must be renewed however long RabbitMQ takes to answer
        listening = self._listening = self.parts.start(self.updates.start(), "consuming updates")
        self._leading = [
            self.parts.start(self.relay.run(), "sending requests"),
            self.parts.start(self.held_jobs.run(), "starting what was held"),
            *(self.parts.start(one.run(), "rendering posts") for one in self.reconcilers),
        ]
        self.periodic.add(
            *task_table.while_leading(self.upkeep, self.scheduler, self.sealer, listening)
        )
        self.alerts.begin()

    async def _end(self) -> None:
        if self._listening is not None:
            await asyncio.wait([self._listening])
        await self.updates.stop()
        await self.alerts.end()
        await self.periodic.remove(*task_table.LEADING)
        await cancel_all(self._leading)
        await self.front_ends.close()
        for reconciler in self.reconcilers:
            reconciler.reset()

    def hears_servers(self) -> bool:
        """Return whether messages of servers reach this bot."""
        listening = self._listening
        return self.channel.link is Link.UP and listening is not None and listening.done()

    def _link_changed(self, link: Link) -> None:
        log.info("the link to RabbitMQ changed", state=link.value, bus=self.channel.url)
        self.servers.link_changed(link)
        if link is Link.UP:
            self.relay.wake()

    async def _until_refused(self) -> None:
        """Raise BusRefused if RabbitMQ refuses us before the first connection: somebody must grant
        the rights then. If it refuses us later, the bot stays, and says so in chat and on /readyz.
        """
        raise await self.channel.refused(float("inf"))
