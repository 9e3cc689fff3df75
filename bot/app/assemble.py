"""The one place that wires a bot: the service, the demo, the tests and bench call it.

What a part needs comes by its constructor. Where two need each other, the one that is made first is
given a function that asks for the other: none of them is called before the bot starts.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from baton.bus.channel import Channel
from baton.bus.messages import new_id, now
from baton.bus.signing.public_key import PublicKey
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.extensions import Commands
from bot.alerting import AlertNotifier, AlertRunner, FindingAlerts
from bot.alerting.reloader import Reloader
from bot.app import task_table, upkeep
from bot.app.audit_sealer import AuditSealer
from bot.app.bot import Bot
from bot.app.dispatching import MoreBuiltins, assemble_dispatch
from bot.app.front_ends import FrontEnds
from bot.app.parts import Parts
from bot.app.periodic import PeriodicTasks
from bot.app.upkeep import Upkeep
from bot.app.with_alerts import AlertParts, AlertsConfig, NoAlerts, WithAlerts
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.policy import Policy
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.findings import FindingReports, LoggedFindings, RecentFindings
from bot.ingest.rejections import Rejections
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer
from bot.jobs import Place
from bot.leader import LEASE_SECONDS
from bot.outbox.holding import HeldJobs
from bot.outbox.relay import OutboxRelay
from bot.outbox.rollouts import Rollouts
from bot.outbox.server_health import ServerHealth
from bot.outbox.surveyor import Surveyor
from bot.posts.job_posts import JobPosts
from bot.posts.reconciler import PostReconciler
from bot.posts.schedule_posts import SchedulePosts
from bot.priority import ForegroundPriority
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.leases import LEASE
from bot.web.status import Chat, Counts, StatusReader

RETENTION = timedelta(days=90)


def assemble(
    store: Store,
    channel: Channel,
    commands: Commands,
    policy: Policy,
    *,
    name: str = "",
    retention: timedelta = RETENTION,
    lease: float = LEASE_SECONDS,
    identity_required: bool = False,
    clock: Callable[[], datetime] = now,
    pace: PersonRateLimiter | None = None,
    more: MoreBuiltins = lambda audit: (),
    alerts: AlertsConfig | None = None,
    console: ConsoleAddress | None = None,
    freezes: FreezesInForce | None = None,
    audit_channel: Place | None = None,
    signer: Signer = UNSIGNED,
    agent_keys: Mapping[str, PublicKey] | None = None,
    gates: Sequence[GateTable] = (),
) -> Bot:
    """Return a bot that has not started.

    With `identity_required` servers are believed only by a broker account of their own. `pace` is
    how often each person may ask, if that is limited; `more` returns what the bot answers itself
    beside what every bot does; without `alerts` it has none; `console` is where people open the
    console, if it has one; `audit_channel` hears who breaks a freeze, and each day the head
    of the audit log. `signer` signs what it asks of servers, `agent_keys` are the keys of those
    that sign too. What one of `gates` matches is held until people agree.
    """
    # two bots, or one before and after a restart, may share the name that they were given
    name = f"{name or socket.gethostname()}/{os.getpid()}/{new_id()[:6]}"
    parts, priority = Parts(), ForegroundPriority()
    periodic = PeriodicTasks(parts.fail)

    def posts_settled(subject: str) -> None:
        for reconciler in bot.reconcilers:
            reconciler.posts_up_to_date(subject)

    front_ends = FrontEnds(store, posts_settled, claim=lease, way=priority, clock=clock)
    alert_parts = alerts and _alert_parts(
        alerts,
        store,
        front_ends,
        name,
        hears_servers=lambda: bot.hears_servers(),
        wake=partial(periodic.wake, task_table.ALERTS),
        reloaded=lambda: alerting.schedule_probes(),
        clock=clock,
    )
    findings = FindingReports(
        RecentFindings(), alert_parts.findings if alert_parts else LoggedFindings()
    )
    servers = ServerRegistry(
        findings, findings.recent.about, lambda: channel.refusal, clock, signer.fingerprints
    )
    verifier, rejections = (
        SenderVerifier(required=identity_required, serves=servers.serves, keys=agent_keys),
        Rejections(findings),
    )
    live = LiveCommands(commands, servers)
    alerting: NoAlerts | WithAlerts = NoAlerts()
    if alert_parts:
        alerting = WithAlerts(
            alert_parts,
            live,
            channel=channel,
            servers=servers,
            ledger=store.ledger,
            rejections=rejections,
            verifier=verifier,
            findings=findings,
            parts=parts,
            periodic=periodic,
            name=name,
            signer=signer,
            clock=clock,
        )
    dispatching = assemble_dispatch(
        store,
        channel,
        live,
        policy,
        servers,
        alert_runner=alerting.runner,
        alert_reloader=alerting.reloader,
        job_changed=lambda job: bot.job_changed(job),
        server_forgotten=lambda host, at: rounds.forget_server(host, at),
        schedules_changed=partial(periodic.wake, task_table.SCHEDULES),
        on_result=alerting.schedule_results,
        priority=priority,
        source=name,
        clock=clock,
        pace=pace,
        more=more,
        console=console,
        gates=gates,
        freezes=freezes,
        audit_channel=audit_channel,
        locks_changed=partial(periodic.wake, task_table.LOCKS),
    )
    job_posts = JobPosts(store.ledger, live, servers.visibility, alerting.job_ended, console)
    sources = (job_posts, SchedulePosts(store.schedules))
    reconciler = PostReconciler(sources, store.posts, front_ends.queues, priority)
    relay = OutboxRelay(
        store,
        channel,
        reconciler.mark_dirty,
        servers,
        poll=upkeep.POLL_INTERVAL,
        priority=priority,
        signer=signer,
        clock=clock,
    )
    surveyor = Surveyor(channel, name, clock, signer)
    held_jobs = HeldJobs(
        store.ledger,
        dispatching.start_check.check,
        surveyor.ask,
        dispatching.start_check.hosts,
        Rollouts(
            store.ledger,
            dispatching.start_check.check,
            ServerHealth(servers, store.alerts, clock).read,
            dispatching.undoing.start,
            lambda: servers.seeing_since,
            source=name,
            clock=clock,
        ),
        lambda job: bot.job_changed(job),
        source=name,
        poll=upkeep.POLL_INTERVAL,
        clock=clock,
    )
    updates = UpdateConsumer(
        store,
        channel,
        servers,
        reconciler.mark_dirty,
        verifier,
        findings,
        alerting,
        clock,
        surveyor.receive,
    )
    rounds = Upkeep(
        store,
        channel,
        servers,
        verifier,
        reconciler,
        lambda job: bot.job_changed(job),
        name=name,
        retention=retention,
        signer=signer,
        clock=clock,
    )
    bot = Bot(
        name=name,
        store=store,
        channel=channel,
        servers=servers,
        dispatching=dispatching,
        job_posts=job_posts,
        reconciler=reconciler,
        relay=relay,
        held_jobs=held_jobs,
        updates=updates,
        front_ends=front_ends,
        alerts=alerting,
        findings=findings,
        rejections=rejections,
        upkeep=rounds,
        sealer=AuditSealer(store.audit_chain, audit_channel, clock),
        periodic=periodic,
        parts=parts,
        lease=lease,
    )
    return bot


def _alert_parts(
    alerts: AlertsConfig,
    store: Store,
    front_ends: FrontEnds,
    name: str,
    *,
    hears_servers: Callable[[], bool],
    wake: Callable[[], None],
    reloaded: Callable[[], None],
    clock: Callable[[], datetime],
) -> AlertParts:
    notifier = AlertNotifier(store.alerts, alerts.front)
    posts = PostReconciler((notifier,), store.posts, front_ends.queues)
    runner = AlertRunner(
        alerts.settings,
        store.alerts,
        posts.mark_dirty,
        (LEASE, name),
        {"the message bus": hears_servers, **alerts.links},
        wake=wake,
        reloaded=reloaded,
        unpostable=alerts.unpostable,
        steady=alerts.steady,
        clock=clock,
    )
    reloader = None if alerts.file is None else Reloader(runner, alerts.file, store, name)
    return AlertParts(runner, posts, FindingAlerts(runner), reloader)


def status_reader(
    bot: Bot,
    chat: Chat | None,
    rejections: Rejections,
    monotonic: Callable[[], float] = time.monotonic,
) -> StatusReader:
    """Return what reads how `bot` is, and the link of `chat` if it is in one. `rejections` counts
    what others sent over HTTP or the bus and was refused."""
    counts = Counts(
        asks=bot.dispatching.audit.counts,
        received=bot.updates.received,
        not_taken=bot.updates.rejected,
        rejected=rejections.counts,
        runs_ended=bot.job_posts.ended_runs,
    )
    return StatusReader(
        bot.name,
        bot.channel,
        bot.leader,
        bot.front_ends.queues,
        bot.store.ledger,
        bot.findings.recent,
        bot.periodic,
        counts,
        bot.alert_runner,
        chat,
        monotonic,
    )
