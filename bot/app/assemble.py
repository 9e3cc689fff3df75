"""The one place that wires a bot: the service, the demo, the tests and bench call it.

What a part needs comes by its constructor. Where two need each other, the one that is made first is
given a function that asks for the other: none of them is called before the bot starts.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from baton.bus.channel import Channel
from baton.bus.messages import new_id, now
from baton.extensions import Commands
from bot.alerting import AlertNotifier, Found, Keeper
from bot.alerting.reloader import Reloading
from bot.app import tasks, upkeep
from bot.app.bot import Bot
from bot.app.dispatching import MoreBuiltins, assemble_dispatch
from bot.app.front_ends import FrontEnds
from bot.app.parts import Parts
from bot.app.periodic import PeriodicTasks
from bot.app.upkeep import Upkeep
from bot.app.with_alerts import AlertsWanted, KeptAlerts, NoAlerts, WithAlerts
from bot.dispatch.policy import Policy
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.findings import FindingReports, Lately, Unheard
from bot.ingest.rejections import Refused
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer
from bot.leader import SECONDS
from bot.outbox.relay import OutboxRelay
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
    lease: float = SECONDS,
    identity_required: bool = False,
    clock: Callable[[], datetime] = now,
    pace: PersonRateLimiter | None = None,
    more: MoreBuiltins = lambda audit: (),
    alerts: AlertsWanted | None = None,
) -> Bot:
    """Return a bot that has not started.

    With `identity_required` servers are believed only by a broker account of their own. `pace` is
    how often each person may ask, if that is limited; `more` returns what the bot answers itself
    beside what every bot does; without `alerts` it has none.
    """
    # two bots, or one before and after a restart, may share the name that they were given
    name = f"{name or socket.gethostname()}/{os.getpid()}/{new_id()[:6]}"
    parts, priority = Parts(), ForegroundPriority()
    periodic = PeriodicTasks(parts.fail)

    def posts_settled(subject: str) -> None:
        for reconciler in bot.reconcilers:
            reconciler.posts_up_to_date(subject)

    front_ends = FrontEnds(store, posts_settled, claim=lease, way=priority, clock=clock)
    kept = None
    if alerts is not None:
        notifier = AlertNotifier(store.alerts, alerts.front)
        alert_posts = PostReconciler((notifier,), store.posts, front_ends.queues)
        keeper = Keeper(
            alerts.settings,
            store.alerts,
            alert_posts.mark_dirty,
            (LEASE, name),
            {"the message bus": lambda: bot.hears(), **alerts.eyes},
            wake=partial(periodic.wake, tasks.ALERTS),
            reloaded=lambda: watching.schedule_probes(),
            unpostable=alerts.unpostable,
            steady=alerts.steady,
            clock=clock,
        )
        kept = KeptAlerts(
            keeper,
            alert_posts,
            Found(keeper),
            None if alerts.file is None else Reloading(keeper, alerts.file, store, name),
        )
    reports = FindingReports(Lately(), Unheard() if kept is None else kept.findings)
    roster = ServerRegistry(reports, reports.lately.about, lambda: channel.refusal, clock)
    identity, refused = SenderVerifier(required=identity_required), Refused(reports)
    watching = (
        NoAlerts()
        if kept is None
        else WithAlerts(
            kept,
            commands,
            channel=channel,
            roster=roster,
            refused=refused,
            identity=identity,
            reports=reports,
            parts=parts,
            periodic=periodic,
            name=name,
            clock=clock,
        )
    )
    dispatching = assemble_dispatch(
        store,
        commands,
        policy,
        roster,
        keeper=watching.keeper,
        reloading=watching.reloading,
        job_changed=lambda job: bot.job_changed(job),
        server_forgotten=lambda host, at: work.forget(host, at),
        schedules_changed=partial(periodic.wake, tasks.SCHEDULES),
        on_result=watching.schedule_results,
        priority=priority,
        source=name,
        clock=clock,
        pace=pace,
        more=more,
    )
    job_posts = JobPosts(store.ledger, commands, roster.visibility, watching.job_ended)
    sources = (job_posts, SchedulePosts(store.schedules))
    teller = PostReconciler(sources, store.posts, front_ends.queues, priority)
    sender = OutboxRelay(
        store,
        channel,
        teller.mark_dirty,
        roster,
        poll=upkeep.POLL_INTERVAL,
        way=priority,
        clock=clock,
    )
    hearing = UpdateConsumer(
        store, channel, roster, teller.mark_dirty, identity, reports, watching, clock
    )
    work = Upkeep(
        store, channel, roster, identity, teller, name=name, retention=retention, clock=clock
    )
    bot = Bot(
        name=name,
        store=store,
        channel=channel,
        roster=roster,
        identity=identity,
        dispatching=dispatching,
        job_posts=job_posts,
        teller=teller,
        sender=sender,
        hearing=hearing,
        front_ends=front_ends,
        alerts=watching,
        reports=reports,
        refused=refused,
        upkeep=work,
        periodic=periodic,
        parts=parts,
        lease=lease,
    )
    return bot


def status_reader(
    bot: Bot,
    chat: Chat | None,
    refused: Refused,
    monotonic: Callable[[], float] = time.monotonic,
) -> StatusReader:
    """Return what looks at how `bot` is, and at the link of `chat` if it is in one; `refused` has
    counted what came over HTTP and the bus and was not taken."""
    counts = Counts(
        asks=bot.dispatching.audit.counts,
        heard=bot.hearing.received,
        unheard=bot.hearing.refused,
        refused=refused.counts,
        ended=bot.job_posts.ended_runs,
    )
    return StatusReader(
        bot.name,
        bot.channel,
        bot.leader,
        bot.front_ends.queues,
        bot.store.ledger,
        bot.reports.lately,
        bot.periodic,
        counts,
        bot.keeper,
        chat,
        monotonic,
    )
