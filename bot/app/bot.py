"""The bot: its desk takes asks, and while it leads it sends, hears, tells and closes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import structlog
from typing_extensions import override

from alerts import AlertSettings, SteadyClock
from alerts.checks.settings import ProbeTable
from baton.channel import Channel, Link
from baton.errors import UsageError
from baton.extensions import Commands
from baton.messages import Heartbeat, Pong, new_id, now
from bot.alerting import Found, Keeper, Monitor, prober, recorder, reloader, runner
from bot.alerting.commands.command import AlertsCommand, AlertsHandler
from bot.alerting.notifier import AlertNotifier
from bot.alerting.sink import Reception
from bot.app import upkeep
from bot.app.assemble import MoreBuiltins, assemble_dispatch
from bot.app.periodic import PeriodicTask, PeriodicTasks
from bot.content import FileContent
from bot.dispatch.policy import Policy
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.findings import Finding, Lately, Unheard
from bot.fronts.protocol import Front
from bot.ingest.rejections import Refused
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer, UpdateHooks
from bot.leader import SECONDS, Leader
from bot.outbox.relay import OutboxRelay
from bot.posts.job_posts import JobPosts
from bot.posts.queue import PostQueue
from bot.posts.reconciler import PostReconciler
from bot.posts.schedule_posts import SchedulePosts
from bot.scheduler import scheduler
from bot.schedules.schedule import ResultHandling, ScheduleResult
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.leases import LEASE
from bot.store.output_text import whole_output

log = structlog.get_logger(__name__)


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
        pace: PersonRateLimiter | None = None,
        more: MoreBuiltins = lambda audit: (),
    ) -> None:
        # two bots, or one before and after a restart, may share the name that they were given
        self.name = f"{name or socket.gethostname()}/{os.getpid()}/{new_id()[:6]}"
        self.store = store
        self.channel = channel
        self.lately = Lately()
        """What was found wrong lately."""
        self.roster = ServerRegistry(self, self.lately.about, lambda: channel.refusal, clock)
        self._commands = commands
        self._clock = clock
        self._lease = lease
        self._deliveries: dict[str, PostQueue] = {}
        self.periodic = PeriodicTasks(self._failed)
        """What it does again and again."""
        self._dispatching = assemble_dispatch(
            store,
            commands,
            policy,
            self.roster,
            wake=self._news,
            forgotten=lambda host, at: self.upkeep.forget(host, at),
            rescheduled=partial(self.periodic.wake, "schedules"),
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
        self.job_posts = JobPosts(store.ledger, commands, self.roster.visibility)
        sources = (self.job_posts, SchedulePosts(store.schedules))
        self.teller = PostReconciler(sources, store.posts, self._deliveries, way)
        self._tellers = [self.teller]
        self.sender = OutboxRelay(
            store,
            channel,
            self.teller.mark_dirty,
            self.roster,
            poll=upkeep.POLL_INTERVAL,
            way=way,
            clock=clock,
        )
        self.identity = SenderVerifier(required=identity_required)
        self.hearing = UpdateConsumer(
            store, channel, self.roster, self.teller.mark_dirty, self.identity, self, self, clock
        )
        self.upkeep = upkeep.Upkeep(
            store,
            channel,
            self.roster,
            self.identity,
            self.teller,
            name=self.name,
            retention=retention,
            clock=clock,
        )
        self.leader = Leader(store.leases, self.name, self._begin, self._end, seconds=lease)
        self.keeper: Keeper | None = None
        self.reloading: reloader.Reloading | None = None
        """Who reads the settings of alerts again, if they are from a file."""
        self.findings: Found | Unheard = Unheard()
        """Makes alerts of what we find wrong ourselves, once alerts are kept."""
        self.refused = Refused(self)
        """Keeps count of what others sent and was refused."""
        self._monitor: Monitor | None = None
        self._probing: prober.Probing | None = None
        self._led: list[str] = []
        self._always: list[asyncio.Task[None]] = []
        self._leading: list[asyncio.Task[None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._monitoring: asyncio.Task[None] | None = None
        self._fronts: list[Front] = []
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()

    @property
    def deliveries(self) -> Mapping[str, PostQueue]:
        """What brings posts to each front end, while this bot leads."""
        return self._deliveries

    def show_in(self, *fronts: Front) -> None:
        """Show jobs in `fronts`, each those that were asked there."""
        self._fronts += fronts
        if self.leader.leading:
            self._deliver_to(fronts)
            for teller in self._tellers:
                teller.mark_all_dirty()

    def alert(
        self,
        settings: AlertSettings,
        *,
        front: str,
        eyes: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
        file: Path | None = None,
        steady: SteadyClock | None = None,
    ) -> Keeper:
        """Have alerts kept by `settings` and shown in the front end called `front`, from the start
        of this bot on. `eyes` are links of ours beside the bus, each with whether it is up; `file`
        is where the settings are from, if they can be read again."""
        notifier = AlertNotifier(self.store.alerts, front)
        # apart from jobs, so that neither waits for the other
        teller = PostReconciler((notifier,), self.store.posts, self._deliveries)
        self._tellers.append(teller)
        self.keeper = Keeper(
            settings,
            self.store.alerts,
            teller.mark_dirty,
            (LEASE, self.name),
            {"the message bus": self._hears, **eyes},
            partial(self.periodic.wake, "alerts"),
            steady=steady,
            clock=self._clock,
        )
        self.findings = Found(self.keeper)
        self.job_posts.on_end = self.keeper.ended
        self.timekeeper.heed = self._scheduled
        if file is not None:
            self.reloading = reloader.Reloading(self.keeper, file, self.store, self.name)
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
        await self.upkeep.fill_roster()
        self.periodic.start()
        self.periodic.add(
            PeriodicTask(
                "following other bots",
                lambda: self.upkeep.follow(leading=self.leader.leading),
                upkeep.FOLLOW_INTERVAL,
                first=upkeep.FOLLOW_INTERVAL,
            )
        )
        if (reloads := self.reloading) is not None:
            self.periodic.add(
                PeriodicTask("reloading alerts", reloads.follow, reloader.FOLLOW_INTERVAL)
            )
        self._always = [
            self._task(self.leader.run(), "leadership"),
            self._task(self._refused(), "the link to RabbitMQ"),
        ]

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
        await self.periodic.stop()
        await self.findings.close()

    async def _begin(self) -> None:
        await self.upkeep.fill_roster()
        self._deliver_to(self._fronts)
        # not awaited: the lease must be renewed however long the bus takes to answer
        listening = self._listening = self._task(self.hearing.start(), "hearing")
        self._leading = [
            self._task(self.sender.run(), "sending"),
            *(self._task(teller.run(), "telling") for teller in self._tellers),
        ]
        self._lead(
            PeriodicTask(
                "schedules",
                self.timekeeper.round,
                scheduler.POLL_INTERVAL,
                retry=scheduler.RETRY_DELAY,
            ),
            PeriodicTask("looking around", self.upkeep.look_around, upkeep.POLL_INTERVAL),
            PeriodicTask(
                "discovery", partial(self.upkeep.discover, listening), upkeep.FOLLOW_INTERVAL
            ),
            PeriodicTask("pruning", self.upkeep.prune, upkeep.PRUNE_INTERVAL),
        )
        if self.keeper is not None:
            self._keep_watch(self.keeper)

    def _lead(self, *tasks: PeriodicTask) -> None:
        """Run `tasks` for as long as this bot leads."""
        self._led += [task.name for task in tasks]
        self.periodic.add(*tasks)

    def _keep_watch(self, alerts: Keeper) -> None:
        probing = self._probing = prober.Probing(
            alerts, self.channel, self.roster, self.name, self._clock
        )
        alerts.reloaded = self._schedule_probes
        reception = Reception(alerts, {})
        monitor = self._monitor = Monitor(
            self.channel, reception, probing.answered, self.refused, self.identity, self
        )
        self._monitoring = self._task(monitor.start(), "hearing of alerts")
        alerts.begin()
        self._lead(
            PeriodicTask(
                "alerts",
                alerts.round,
                runner.LOOK_INTERVAL,
                rest=runner.ROUND_INTERVAL,
                retry=runner.RETRY_DELAY,
                vital=True,
            ),
            PeriodicTask("recording", alerts.recording.write, recorder.WRITE_INTERVAL),
        )
        self._led.append("probing")
        self._schedule_probes()

    def _schedule_probes(self) -> None:
        """Have each probe of the settings of now looked at, if this bot leads."""
        if self.leader.leading and self.keeper is not None:
            probes = self.keeper.settings.probe
            self.periodic.replace(
                "probing",
                [
                    PeriodicTask(
                        "probing",
                        partial(self._probe, probe),
                        probe.every,
                        jitter=min(probe.every, prober.SPREAD),
                    )
                    for probe in probes
                ],
            )

    async def _probe(self, probe: ProbeTable) -> float:
        assert self._monitoring is not None
        assert self._probing is not None
        await asyncio.wait([self._monitoring])  # or an answer would come to nobody
        return await self._probing.look(probe)

    async def _end(self) -> None:
        if starting := [task for task in (self._listening, self._monitoring) if task is not None]:
            await asyncio.wait(starting)
        await self.hearing.stop()
        if self._monitor is not None:
            await self._monitor.stop()
        await self.periodic.remove(*self._led)
        self._led.clear()
        if self.keeper is not None:
            self.keeper.end()
            await self.keeper.recording.close()
        await _stopped(self._leading)
        for delivery in self._deliveries.values():
            await delivery.close()
        self._deliveries.clear()
        for teller in self._tellers:
            teller.reset()

    def _deliver_to(self, fronts: Iterable[Front]) -> None:
        for front in fronts:
            self._deliveries[front.name] = PostQueue(
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
        for teller in self._tellers:
            teller.settled(subject)

    def _scheduled(self, seen: Sequence[ScheduleResult]) -> ResultHandling:
        """What changes servers is an alert by its runs, of what only looks the whole is one. That
        a schedule is refused, or no longer fits, is for its owner: a notice tells them."""
        assert self.keeper is not None
        try:
            command = self._commands.parse(seen[0].words)
        except UsageError as error:
            log.warning("a schedule of an older command", schedule=seen[0].title, reason=str(error))
            return ResultHandling()
        ours = [one for one in seen if one.verdict in ("started", "missed")]
        told = len(ours) == len(seen)
        if command.changes or not ours:
            return ResultHandling(handled=told)
        return ResultHandling(self.keeper.scheduled(ours, command.target.environment or ""), told)

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
            self._failed(task.get_name(), error)

    def _failed(self, part: str, error: BaseException) -> None:
        log.critical("a part of the bot failed", part=part, exc_info=error)
        self._failure = self._failure or error
        self._has_failed.set()

    def _news(self, job: str) -> None:
        """Somebody asked, here: if another bot leads it sees so in the database."""
        if self.leader.leading:
            self.sender.wake()
            self.teller.mark_dirty(job)

    def _link_changed(self, link: Link) -> None:
        log.info("link to the bus", state=link.value, bus=self.channel.url)
        self.roster.link_changed(link)
        if link is Link.UP:
            self.sender.wake()

    async def _refused(self) -> None:
        """Raises BusRefused if the bus never took us: that needs somebody who grants the rights.
        Later we stay, and say so in chat and on /readyz."""
        raise await self.channel.refused(float("inf"))


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
