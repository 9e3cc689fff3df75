"""Alerts, or none: the one place where that is decided. What both are asked has the same names, so
that nobody else has to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from typing_extensions import override

from alerts import AlertSettings, SteadyClock
from alerts.checks.settings import ProbeTable
from baton.bus.channel import Channel
from baton.bus.messages import Heartbeat, Pong
from baton.errors import UsageError
from baton.extensions import Commands
from bot.alerting import AlertConsumer, AlertRunner, FindingAlerts, ProbeRunner
from bot.alerting.reloader import Reloader
from bot.alerting.sink import StoredAlertSink
from bot.app import tasks
from bot.app.parts import Parts
from bot.app.periodic import PeriodicTasks
from bot.findings import Findings
from bot.ingest.rejections import Rejections
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateHooks
from bot.jobs import Job, RunRecord
from bot.posts.reconciler import PostReconciler
from bot.schedules.schedule import ResultHandling, ScheduleResult
from bot.servers.registry import ServerRegistry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """The alerts that a bot is to have: by which settings, and shown in which front end.

    `links` are links of ours beside the bus, each with whether it is up: while one is not, nothing
    is decided. `unpostable` finds the channels, of those it is given, in which nothing can be
    posted, each with the reason. `file` is where the settings are from, if they can be read again.
    """

    settings: AlertSettings
    front: str
    links: Mapping[str, Callable[[], bool]]
    unpostable: Callable[[Sequence[str]], Mapping[str, str]]
    file: Path | None = None
    steady: SteadyClock | None = None


@dataclass(frozen=True, slots=True)
class AlertParts:
    """Who keeps alerts, who posts them, who makes alerts of what we find wrong ourselves, and who
    reads their settings again (if these are from a file)."""

    runner: AlertRunner
    posts: PostReconciler
    findings: FindingAlerts
    reloader: Reloader | None


class NoAlerts(UpdateHooks):
    """A bot without alerts: nothing is watched, and the log must do for what is found wrong."""

    runner: None = None
    reloader: None = None
    reconcilers: tuple[PostReconciler, ...] = ()

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """Nobody is called silent."""

    @override
    def pong_received(self, pong: Pong) -> None:
        """Nobody is called silent."""

    async def job_ended(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """Its posts say how it ended."""

    def schedule_results(self, results: Sequence[ScheduleResult]) -> ResultHandling:
        """Return that nobody else tells of them."""
        return ResultHandling()

    def begin(self) -> None:
        """There is nothing to begin."""

    async def end(self) -> None:
        """There is nothing to end."""

    def schedule_probes(self) -> None:
        """There are no probes."""

    async def close(self) -> None:
        """There is nothing to write down."""


class WithAlerts(UpdateHooks):
    """A bot with alerts: `runner` is told what was seen, and is run while this bot leads."""

    def __init__(
        self,
        made_of: AlertParts,
        commands: Commands,
        *,
        channel: Channel,
        servers: ServerRegistry,
        rejections: Rejections,
        verifier: SenderVerifier,
        findings: Findings,
        parts: Parts,
        periodic: PeriodicTasks,
        name: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.runner = made_of.runner
        self.reloader = made_of.reloader
        self.reconcilers = (made_of.posts,)
        self._alert_findings = made_of.findings
        self._commands = commands
        self._channel = channel
        self._servers = servers
        self._rejections = rejections
        self._verifier = verifier
        self._findings = findings
        self._parts = parts
        self._periodic = periodic
        self._name = name
        self._clock = clock
        self._watch: tuple[ProbeRunner, AlertConsumer, asyncio.Task[None]] | None = None

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """A server is alive."""
        self.runner.observe_heartbeat(beat)

    @override
    def pong_received(self, pong: Pong) -> None:
        """A server is alive."""
        self.runner.observe_pong(pong)

    async def job_ended(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """A job that changes servers has ended: what failed is an alert. Raises
        DatabaseUnavailable."""
        await self.runner.observe_job(job, runs)

    def schedule_results(self, results: Sequence[ScheduleResult]) -> ResultHandling:
        """Return what is to be written down of the firings of a schedule.

        What changes servers is an alert by its runs, of what only looks the whole is one. That a
        schedule is rejections, or no longer fits, is for its owner: a notice tells them.
        """
        try:
            command = self._commands.parse(results[0].words)
        except UsageError as error:
            title = results[0].title
            log.warning("a schedule of an older command", schedule=title, reason=str(error))
            return ResultHandling()
        ours = [one for one in results if one.verdict in ("started", "missed")]
        handled = len(ours) == len(results)
        if command.changes or not ours:
            return ResultHandling(handled=handled)
        return ResultHandling(
            self.runner.schedule_operation(ours, command.target.environment or ""), handled
        )

    def begin(self) -> None:
        """This bot leads: it watches from now on."""
        probing = ProbeRunner(self.runner, self._channel, self._servers, self._name, self._clock)
        monitor = AlertConsumer(
            self._channel,
            StoredAlertSink(self.runner, {}),
            probing.receive,
            self._rejections,
            self._verifier,
            self._findings,
        )
        listening = self._parts.start(monitor.start(), "hearing of alerts")
        self._watch = probing, monitor, listening
        self.runner.begin()
        self._periodic.add(*tasks.while_watching(self.runner))
        self.schedule_probes()

    async def end(self) -> None:
        """Another bot leads."""
        if self._watch is not None:
            _, monitor, listening = self._watch
            await asyncio.wait([listening])
            await monitor.stop()
            self._watch = None
        await self._periodic.remove(*tasks.WATCHING)
        self.runner.end()
        await self.runner.recorder.close()

    async def close(self) -> None:
        """Write down what was found."""
        await self._alert_findings.close()

    def schedule_probes(self) -> None:
        """Have each probe looked at as the settings of now say, if this bot leads."""
        if self._watch is not None:
            rows = tasks.probes(self.runner.settings.probe, self._probe)
            self._periodic.replace(tasks.PROBING, rows)

    async def _probe(self, probe: ProbeTable) -> float:
        assert self._watch is not None
        probing, _, listening = self._watch
        await asyncio.wait([listening])  # or an answer would come to nobody
        return await probing.look(probe)
