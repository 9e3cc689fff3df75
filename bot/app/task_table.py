"""The table of recurring work: every row that a bot has, how often it comes, and what becomes of a
round that is late or fails (bot.app.periodic says what the columns mean)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from alerts.checks.settings import ProbeTable
from bot.alerting import (
    AlertRunner,
    drift_watch,
    probe_runner,
    recorder,
    reloader,
    runner,
    self_checks,
)
from bot.alerting.drift_watch import DriftWatch
from bot.alerting.reloader import Reloader
from bot.alerting.self_checks import ChatView
from bot.app import audit_sealer, garbage, rules_log, upkeep
from bot.app.audit_sealer import AuditSealer
from bot.app.periodic import PeriodicTask, Round
from bot.app.rules_log import RulesLog
from bot.app.upkeep import Upkeep
from bot.dispatch.gates.freezing import in_force
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.findings import Findings
from bot.scheduler import scheduler
from bot.scheduler.scheduler import Scheduler

SCHEDULES = "schedules"
LOST_WORKERS = "lost_workers"
DISCOVERY = "discovery"
SEALING = "audit_chain"
LOCKS = "locks"
ALERTS = "alerts"
PROBING = "probing"

LEADING = (SCHEDULES, "sync_posts", LOST_WORKERS, DISCOVERY, SEALING, LOCKS, "pruning")
"""The names of what only the leader runs."""
WATCHING = (ALERTS, "recording", "drift", PROBING)
"""The names of what only a leader with alerts runs."""


def always(
    work: Upkeep,
    leading: Callable[[], bool],
    reloading: Reloader | None,
    freezes: FreezesInForce,
    findings: Findings,
) -> Iterable[PeriodicTask]:
    """Yield the rows of every bot, whether it leads or not."""
    yield PeriodicTask(
        "follow_other_bots",
        lambda: work.follow_other_bots(leading=leading()),
        upkeep.FOLLOW_INTERVAL,
        first=upkeep.FOLLOW_INTERVAL,
    )
    yield PeriodicTask(
        "memory", garbage.return_free_memory, garbage.RETURN_INTERVAL, first=garbage.RETURN_INTERVAL
    )
    yield PeriodicTask(
        "follow_freezes",
        partial(freezes.follow, findings),
        in_force.FOLLOW_INTERVAL,
        first=in_force.FOLLOW_INTERVAL,
    )
    if reloading is not None:
        yield PeriodicTask("reload_alerts", reloading.check_for_reload, reloader.FOLLOW_INTERVAL)


def in_slack(
    rules: RulesLog, chat: ChatView, findings: Findings, check_other_bots: Round, interval: float
) -> Iterable[PeriodicTask]:
    """Yield the rows of a bot that is connected to Slack. `check_other_bots` comes every `interval`
    seconds: Slack's client is not loaded here for it, since the demo has none."""
    yield PeriodicTask("check_other_bots", check_other_bots, interval, first=interval)
    yield PeriodicTask(
        "rules_log",
        rules.round,
        rules_log.LOOK_INTERVAL,
        first=rules_log.FIRST_INTERVAL,
    )
    yield PeriodicTask(
        "self_checks",
        partial(self_checks.report_problems, chat, "Slack", findings),
        self_checks.LOOK_INTERVAL,
    )


def while_leading(
    work: Upkeep, schedules: Scheduler, sealer: AuditSealer, listening: asyncio.Task[None]
) -> Iterable[PeriodicTask]:
    """Yield the rows of the leader. `listening` is done when messages of servers reach it."""
    yield PeriodicTask(
        SCHEDULES, schedules.round, scheduler.POLL_INTERVAL, retry=scheduler.RETRY_DELAY
    )
    yield PeriodicTask("sync_posts", work.sync_posts, upkeep.POLL_INTERVAL)
    yield PeriodicTask(LOST_WORKERS, work.end_lost, upkeep.LOST_INTERVAL)
    yield PeriodicTask(DISCOVERY, partial(work.discover, listening), upkeep.FOLLOW_INTERVAL)
    yield PeriodicTask(SEALING, sealer.round, audit_sealer.SEAL_INTERVAL)
    yield PeriodicTask(LOCKS, work.advance_locks, upkeep.LOCK_INTERVAL)
    yield PeriodicTask("pruning", work.prune, upkeep.PRUNE_INTERVAL)


def while_watching(alerts: AlertRunner, drift: DriftWatch) -> Iterable[PeriodicTask]:
    """Yield the rows of a leader that has alerts."""
    yield PeriodicTask(
        ALERTS,
        alerts.round,
        runner.LOOK_INTERVAL,
        rest=runner.ROUND_INTERVAL,
        retry=runner.RETRY_DELAY,
        vital=True,
    )
    yield PeriodicTask("recording", alerts.recorder.write, recorder.WRITE_INTERVAL)
    yield PeriodicTask("drift", drift.round, drift_watch.LOOK_INTERVAL)


def probes(
    tables: Iterable[ProbeTable], look: Callable[[ProbeTable], Awaitable[float]]
) -> Iterable[PeriodicTask]:
    """Yield a row for each probe of `tables`; `look` runs one once."""
    for table in tables:
        spread = min(table.every, probe_runner.MAX_JITTER)
        yield PeriodicTask(PROBING, partial(look, table), table.every, jitter=spread)
