"""The bot: its desk takes asks, and while it leads it sends, hears, tells and closes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import structlog
from typing_extensions import override

from alerts import AlertSettings, Steady
from baton.api import API
from baton.channel import Channel, Link
from baton.errors import BatonError, UsageError
from baton.exchanges import DISCOVER, INPUT
from baton.extensions import Commands
from baton.messages import Discover, Heartbeat, Pong, new_id, now
from bot.alerting import Found, Keeper, Monitor, Probing, Showing
from bot.alerting.commands.command import AlertsCommand, AlertsHandler
from bot.alerting.intake import Reception
from bot.alerting.reloading import Reloading
from bot.app.assemble import MoreBuiltins, assemble_dispatch
from bot.content import FileContent
from bot.dispatch.policy import Policy
from bot.dispatch.rate import Pace
from bot.findings import Finding, Lately, Unheard
from bot.fronts.protocol import Front
from bot.ingest.rejections import Refused
from bot.ingest.sender_verification import Identity
from bot.ingest.updates import Hearing, UpdateHooks
from bot.leader import SECONDS, Leader
from bot.outbox.relay import Sender
from bot.posts.queue import Delivery
from bot.posts.reconciler import Teller
from bot.schedules.schedule import Heed
from bot.schedules.schedule import Observation as Scheduled
from bot.servers.registry import Roster
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from bot.store.leases import LEASE
from bot.store.output_text import whole_output

log = structlog.get_logger(__name__)

POLL = 0.5
"""Seconds between two looks at what other bots wrote into the same database, and at the clock."""
LOOK = 1.0
"""Seconds between two looks for servers that other bots heard."""
PRUNE = 3600.0
"""Seconds between two clearings of what is older than is kept."""


class Bot(UpdateHooks):
    """Everything behind the front ends. `fronts` are what posts are shown in; with
    `identity_required` servers are believed only by a broker account of their own."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        commands: Commands,
        policy: Policy,
        *,
        name: str = "",
        retention: timedelta = timedelta(days=90),
        lease: float = SECONDS,
        identity_required: bool = False,
        clock: Callable[[], datetime] = now,
        pace: Pace | None = None,
        more: MoreBuiltins = lambda audit: (),
    ) -> None:
        # two bots, or one before and after a restart, may share the name that they were given
        self.name = f"{name or socket.gethostname()}/{os.getpid()}/{new_id()[:6]}"
        self.store = store
        self.channel = channel
        self.lately = Lately()
        """What was found wrong lately."""
        self.roster = Roster(self, self.lately.about, lambda: channel.refusal, clock)
        self._commands = commands
        self._clock = clock
        self._retention = retention
        self._lease = lease
        self._deliveries: dict[str, Delivery] = {}
        self._dispatching = assemble_dispatch(
            store,
            commands,
            policy,
            self.roster,
            wake=self._news,
            forgotten=self._forgotten,
            source=self.name,
            clock=clock,
            pace=pace,
            more=more,
        )
        self.desk = self._dispatching.dispatcher
        self.audit = self._dispatching.audit
        self.authorizer = self._dispatching.authorizer
        self.people = self._dispatching.people
        self.timekeeper = self._dispatching.scheduler
        self._way = way = self._dispatching.priority
        self.teller = Teller(store, commands, self.roster, self._deliveries, way)
        self.sender = Sender(
            store, channel, self.teller.touch, self.roster, poll=POLL, way=way, clock=clock
        )
        self.identity = Identity(required=identity_required)
        self.hearing = Hearing(
            store, channel, self.roster, self.teller.touch, self.identity, self, self, clock
        )
        self.leader = Leader(store.leases, self.name, self._begin, self._end, seconds=lease)
        self.keeper: Keeper | None = None
        self.reloading: Reloading | None = None
        """Who reads the settings of alerts again, if they are from a file."""
        self.findings: Found | Unheard = Unheard()
        """Makes alerts of what we find wrong ourselves, once alerts are kept."""
        self.refused = Refused(self)
        """Keeps count of what others sent and was refused."""
        self._monitor: Monitor | None = None
        self._always: list[asyncio.Task[None]] = []
        self._leading: list[asyncio.Task[None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._monitoring: asyncio.Task[None] | None = None
        self._fronts: list[Front] = []
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()

    @property
    def deliveries(self) -> Mapping[str, Delivery]:
        """What brings posts to each front end, while this bot leads."""
        return self._deliveries

    def show_in(self, *fronts: Front) -> None:
        """Show jobs in `fronts`, each those that were asked there."""
        self._fronts += fronts
        if self.leader.leading:
            self._deliver_to(fronts)

    def alert(
        self,
        settings: AlertSettings,
        *,
        front: str,
        eyes: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
        file: Path | None = None,
        steady: Steady | None = None,
    ) -> Keeper:
        """Have alerts kept by `settings` and shown in the front end called `front`, from the start
        of this bot on. `eyes` are links of ours beside the bus, each with whether it is up; `file`
        is where the settings are from, if they can be read again."""
        self.keeper = Keeper(
            settings,
            self.store.alerts,
            Showing(self.store.alerts, self.store.posts, self._deliveries, front),
            (LEASE, self.name),
            {"the message bus": self._hears, **eyes},
            steady=steady,
            clock=self._clock,
        )
        self.findings = Found(self.keeper)
        self.teller.closed = self.keeper.ended
        self.timekeeper.heed = self._scheduled
        if file is not None:
            self.reloading = Reloading(self.keeper, file, self.store, self.name)
        self._dispatching.handlers[AlertsCommand.name] = AlertsHandler(
            self.keeper,
            self.reloading,
            self.store.alerts,
            self.roster,
            self.authorizer,
            self.audit,
        )
        return self.keeper

    def found(self, finding: Finding) -> None:
        """Have people told of something that a part of this bot found wrong. Keeps Findings."""
        self.lately.add(finding)
        self.findings.found(finding)

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """Have it seen that a server is alive, where alerts are kept."""
        if self.keeper is not None:
            self.keeper.heard(beat)

    @override
    def pong_received(self, pong: Pong) -> None:
        """The same."""
        if self.keeper is not None:
            self.keeper.answered(pong)

    async def start(self) -> None:
        """Begin. Nothing waits for the bus or for leadership: asks are taken at once."""
        self.channel.on_link(self._link_changed)
        self.roster.link_changed(self.channel.link)
        await self._fill_roster()
        self._always = [
            self._task(self.leader.run(), "leadership"),
            self._task(self._follow(), "following"),
            self._task(self._refused(), "the link to RabbitMQ"),
        ]
        if self.reloading is not None:
            self._always.append(self._task(self.reloading.follow(), "reloading"))

    async def failed(self) -> NoReturn:
        """Wait until a part of the bot ends by an error of ours, and raise that error.

        The bot works no longer then, or only half: `stop` it, and let a supervisor start it anew.
        """
        await self._has_failed.wait()
        assert self._failure is not None
        raise self._failure

    async def stop(self) -> None:
        """Stop working; what is under way is taken up by the next bot."""
        await _stopped(self._always)
        await self.findings.close()

    async def _begin(self) -> None:
        await self._fill_roster()
        self._deliver_to(self._fronts)
        # not awaited: the lease must be renewed however long the bus takes to answer
        listening = self._listening = self._task(self.hearing.start(), "hearing")
        self._leading = [
            self._task(self.sender.run(), "sending"),
            self._task(self.teller.run(), "telling"),
            self._task(self.timekeeper.run(), "keeping time"),
            self._task(self._look_around(), "looking around"),
            self._task(self._discover(listening), "discovery"),
            self._task(self._prune(), "pruning"),
        ]
        if self.keeper is not None:
            self._keep_watch(self.keeper)

    def _keep_watch(self, keeper: Keeper) -> None:
        probing = Probing(keeper, self.channel, self.roster, self.name, self._clock)
        keeper.reloaded = probing.reload
        reception = Reception(keeper, {})
        monitor = self._monitor = Monitor(
            self.channel, reception, probing.answered, self.refused, self.identity, self
        )
        hears = self._monitoring = self._task(monitor.start(), "hearing of alerts")

        async def probe() -> None:
            await asyncio.wait([hears])  # or an answer would come to nobody
            await probing.run()

        self._leading.append(self._task(keeper.run(), "alerting"))
        self._leading.append(self._task(keeper.recording.run(), "recording"))
        self._leading.append(self._task(probe(), "probing"))

    async def _end(self) -> None:
        if starting := [task for task in (self._listening, self._monitoring) if task is not None]:
            await asyncio.wait(starting)
        await self.hearing.stop()
        if self._monitor is not None:
            await self._monitor.stop()
        await _stopped(self._leading)
        for delivery in self._deliveries.values():
            await delivery.close()
        self._deliveries.clear()
        self.teller.forget()

    def _deliver_to(self, fronts: Iterable[Front]) -> None:
        for front in fronts:
            self._deliveries[front.name] = Delivery(
                front,
                self.store.posts,
                self._settled,
                whole=self._whole,
                claim=self._lease,
                way=self._way,
                clock=self._clock,
            )

    async def _whole(self, file: FileContent) -> str:
        return await whole_output(self.store.ledger, file.job, file.hosts)

    def _settled(self, subject: str) -> None:
        if self.keeper is None or not self.keeper.settled(subject):
            self.teller.settled(subject)

    def _scheduled(self, seen: Sequence[Scheduled]) -> Heed:
        """What changes servers is an alert by its runs, of what only looks the whole is one. That
        a schedule is refused, or no longer fits, is for its owner: a notice tells them."""
        assert self.keeper is not None
        try:
            command = self._commands.parse(seen[0].words)
        except UsageError as error:
            log.warning("a schedule of an older command", schedule=seen[0].title, reason=str(error))
            return Heed()
        ours = [one for one in seen if one.verdict in ("started", "missed")]
        told = len(ours) == len(seen)
        if command.changes or not ours:
            return Heed(told=told)
        return Heed(self.keeper.scheduled(ours, command.target.environment or ""), told)

    def _hears(self) -> bool:
        """Whether what servers say reaches us."""
        listening = self._listening
        return self.channel.link is Link.UP and listening is not None and listening.done()

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._part_ended)
        return task

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a part of the bot failed", part=task.get_name(), exc_info=error)
            self._failure = self._failure or error
            self._has_failed.set()

    def _news(self, job: str) -> None:
        """Somebody asked, here: if another bot leads it sees so in the database."""
        if self.leader.leading:
            self.sender.wake()
            self.teller.touch(job)

    def _link_changed(self, link: Link) -> None:
        log.info("link to the bus", state=link.value, bus=self.channel.url)
        self.roster.link_changed(link)
        if link is Link.UP:
            self.sender.wake()

    async def _refused(self) -> None:
        """Raises BusRefused if the bus never took us: that needs somebody who grants the rights.
        Later we stay, and say so in chat and on /readyz."""
        raise await self.channel.refused(float("inf"))

    async def _follow(self) -> None:
        """While another bot leads, know the servers that it hears, and always those that people
        have forgotten: they may have asked another bot."""
        done: dict[str, datetime] = {}
        while True:
            await asyncio.sleep(LOOK)
            if not self.leader.leading:
                await self._fill_roster()
            with contextlib.suppress(DatabaseUnavailable):
                forgotten = await self.store.servers.forgotten()
                for host, at in forgotten.items():
                    if done.get(host) != at:  # once: what is heard later is heard anew
                        self._forgotten(host, at)
                done = forgotten

    async def _look_around(self) -> None:
        """What time alone changes, and what other bots wrote."""
        while True:
            try:
                self.teller.look()
                self.teller.compare(await self.store.ledger.untold())
                await self._close_overdue()
            except DatabaseUnavailable as error:
                log.warning("cannot look around", error=str(error))
            await asyncio.sleep(POLL)

    async def _close_overdue(self) -> None:
        at = self._clock()
        due = await self.store.ledger.next_deadline()
        if due is not None and due <= at:
            for job in await self.store.ledger.overdue(at, self.roster.seeing_since):
                self.teller.touch(job)

    async def _fill_roster(self) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            self.roster.fill(await self.store.servers.all())

    def _forgotten(self, host: str, at: datetime) -> None:
        self.roster.forget(host, at)
        self.identity.forget(host)

    async def _discover(self, listening: asyncio.Task[None]) -> None:
        """Ask every agent for a heartbeat, once: the database may know nothing yet, or too
        little. Not before the answers can be heard."""
        await asyncio.wait([listening])
        while True:
            await self.channel.wait_up()
            try:
                await API(self.channel).publish(INPUT, DISCOVER, Discover(source=self.name))
            except BatonError as error:
                log.warning("not asked who is there", error=str(error))
                await asyncio.sleep(LOOK)
            else:
                return

    async def _prune(self) -> None:
        while True:
            try:
                await self.store.prune(self._clock() - self._retention)
            except DatabaseUnavailable as error:
                log.warning("old jobs not cleared", error=str(error))
            await asyncio.sleep(PRUNE)


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
