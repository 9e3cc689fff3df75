"""A bot with alerts, or without: both have the same methods, so that no other module has to check
which of the two it is."""

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
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import UsageError
from baton.extensions import Commands
from bot.alerting import AlertConsumer, AlertRunner, FindingAlerts, ProbeRunner
from bot.alerting.drift_watch import DriftWatch
from bot.alerting.reloader import Reloader
from bot.alerting.sink import StoredAlertSink
from bot.app import task_table
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
from bot.store.jobs.ledger import Ledger

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """The alerts that a bot is to have: their `settings`, and the front end that shows them.

    `links` are the bot's links beside RabbitMQ, each with whether it is up: while one is down, no
    alert is decided. `unpostable` returns those of the given channels in which nothing can be
    posted, each with the reason. `file` is the file of the settings, if it can be reloaded.
    """

    settings: AlertSettings
    front: str
    links: Mapping[str, Callable[[], bool]]
    unpostable: Callable[[Sequence[str]], Mapping[str, str]]
    file: Path | None = None
    steady: SteadyClock | None = None


@dataclass(frozen=True, slots=True)
class AlertParts:
    """What runs the alerts, what posts them, what makes alerts of our own findings, and what
    reloads their settings (None if these are not from a file)."""

    runner: AlertRunner
    posts: PostReconciler
    findings: FindingAlerts
    reloader: Reloader | None


class NoAlerts(UpdateHooks):
    """A bot without alerts: nothing is checked, and findings are only logged."""

    runner: None = None
    reloader: None = None
    reconcilers: tuple[PostReconciler, ...] = ()

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """Do nothing: no server is checked."""

    @override
    def pong_received(self, pong: Pong) -> None:
        """Do nothing: no server is checked."""

    async def job_ended(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """Do nothing: the posts of `job` say how it ended."""

    def schedule_results(self, results: Sequence[ScheduleResult]) -> ResultHandling:
        """Return that no alert covers the results, so that a notice does."""
        return ResultHandling()

    def begin(self) -> None:
        """Do nothing."""

    async def end(self) -> None:
        """Do nothing."""

    def schedule_probes(self) -> None:
        """Do nothing: there are no probes."""

    async def close(self) -> None:
        """Do nothing."""


class WithAlerts(UpdateHooks):
    """A bot with alerts: `runner` gets what was observed, and runs while this bot leads."""

    def __init__(
        self,
        made_of: AlertParts,
        commands: Commands,
        *,
        channel: Channel,
        servers: ServerRegistry,
        ledger: Ledger,
        rejections: Rejections,
        verifier: SenderVerifier,
        findings: Findings,
        parts: Parts,
        periodic: PeriodicTasks,
        name: str,
        signer: Signer = UNSIGNED,
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
        self._signer = signer
        self._clock = clock
        self._drift = DriftWatch(servers, ledger, self.runner.observe, self.runner.now)
        self._watch: tuple[ProbeRunner, AlertConsumer, asyncio.Task[None]] | None = None

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """Observe that a server is alive."""
        self.runner.observe_heartbeat(beat)

    @override
    def pong_received(self, pong: Pong) -> None:
        """Observe that a server is alive."""
        self.runner.observe_pong(pong)

    async def job_ended(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """Observe how a job that changes servers ended. Raises DatabaseUnavailable."""
        await self.runner.observe_job(job, runs)

    def schedule_results(self, results: Sequence[ScheduleResult]) -> ResultHandling:
        """Return what is to be written of these results, and whether alerts cover them.

        A command that changes servers has an alert for each failed run; one that only reads has one
        alert for the whole. That a schedule is refused, or does not fit its command any more, only
        its owner can correct: a notice says so, and no alert.
        """
        try:
            command = self._commands.parse(results[0].words)
        except UsageError as error:
            title = results[0].title
            log.warning(
                "a schedule does not fit its command any more", schedule=title, reason=str(error)
            )
            return ResultHandling()
        ours = [one for one in results if one.verdict in ("started", "missed")]
        handled = len(ours) == len(results)
        if command.changes or not ours:
            return ResultHandling(handled=handled)
        return ResultHandling(
            self.runner.schedule_operation(ours, command.target.environment or ""), handled
        )

    def begin(self) -> None:
        """Start checking: this bot leads."""
        probing = ProbeRunner(
            self.runner, self._channel, self._servers, self._name, self._clock, self._signer
        )
        monitor = AlertConsumer(
            self._channel,
            StoredAlertSink(self.runner, {}),
            probing.receive,
            self._rejections,
            self._verifier,
            self._findings,
        )
        listening = self._parts.start(monitor.start(), "consuming alerts")
        self._watch = probing, monitor, listening
        self.runner.begin()
        self._periodic.add(*task_table.while_watching(self.runner, self._drift))
        self.schedule_probes()

    async def end(self) -> None:
        """Stop checking: another bot leads."""
        if self._watch is not None:
            _, monitor, listening = self._watch
            await asyncio.wait([listening])
            await monitor.stop()
            self._watch = None
        await self._periodic.remove(*task_table.WATCHING)
        self.runner.end()
        await self.runner.recorder.close()

    async def close(self) -> None:
        """Store the findings that are not stored yet."""
        await self._alert_findings.close()

    def schedule_probes(self) -> None:
        """Run the probes of the current settings, if this bot leads."""
        if self._watch is not None:
            rows = task_table.probes(self.runner.settings.probe, self._probe)
            self._periodic.replace(task_table.PROBING, rows)

    async def _probe(self, probe: ProbeTable) -> float:
        assert self._watch is not None
        probing, _, listening = self._watch
        await asyncio.wait([listening])  # or nobody would receive the answer
        return await probing.look(probe)
