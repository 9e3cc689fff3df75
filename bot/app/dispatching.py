"""Creates and connects the dispatcher and the scheduler. bot.app.assemble calls it, and so do tests
and benches that need no more of a bot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.bus.channel import Channel
from baton.bus.messages import now
from baton.consumer import Extension
from baton.extensions import Commands
from bot.alerting import AlertRunner
from bot.alerting.commands.command import ALERTS, AlertsCommand, AlertsHandler
from bot.alerting.reloader import Reloader
from bot.builtins.registry import BUILTINS, BuiltinParts, pair_builtins
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import Builtin, Handler
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.dead_letters import DeadLetters
from bot.dispatch.dispatcher import CommandDispatcher
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.start_check import StartCheck
from bot.dispatch.gates.tables import GateRules, GateTable
from bot.dispatch.gates.undoing import Undoing
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.people import Directories
from bot.dispatch.planner import Planner
from bot.dispatch.policy import Policy
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.jobs import Place
from bot.priority import ForegroundPriority
from bot.scheduler.access import ScheduleAccess
from bot.scheduler.command import ScheduleCommand, ScheduleHandler
from bot.scheduler.firing import ScheduleFirer
from bot.scheduler.scheduler import ResultHook, Scheduler
from bot.servers.registry import ServerRegistry
from bot.store import Store

ANSWERED_HERE = (
    *(Extension(one.command) for one in BUILTINS),
    Extension(ScheduleCommand),
    ALERTS,
)
"""The words of everything that the bot answers itself."""

MoreBuiltins = Callable[[AuditLog], Iterable[Builtin[Any]]]


@dataclass(frozen=True, slots=True)
class Dispatching:
    """Step 1 of the path (request), wired: by people, and by schedules."""

    dispatcher: CommandDispatcher
    scheduler: Scheduler
    handlers: dict[str, Handler[Any]]
    """Who answers which command, by its name."""
    authorizer: Authorizer
    audit: AuditLog
    people: Directories
    schedules: ScheduleAccess
    letters: DeadLetters
    commands: LiveCommands
    start_check: StartCheck
    undoing: Undoing
    freezes: FreezesInForce
    """The freezes of the settings."""


def commands_of(known: Commands, *more: Extension) -> Commands:
    """Return `known`, what is installed, with everything that the bot answers itself, and `more`
    of that."""
    return Commands([*known.values(), *ANSWERED_HERE, *more], known.broken)


def assemble_dispatch(
    store: Store,
    channel: Channel,
    commands: LiveCommands,
    policy: Policy,
    servers: ServerRegistry,
    *,
    alert_runner: AlertRunner | None,
    alert_reloader: Reloader | None,
    job_changed: Callable[[str], None],
    server_forgotten: Callable[[str, datetime], None],
    schedules_changed: Callable[[], None],
    on_result: ResultHook,
    priority: ForegroundPriority | None = None,
    source: str = "bot",
    clock: Callable[[], datetime] = now,
    pace: PersonRateLimiter | None = None,
    more: MoreBuiltins = lambda audit: (),
    console: ConsoleAddress | None = None,
    gates: Sequence[GateTable] = (),
    freezes: FreezesInForce | None = None,
    audit_channel: Place | None = None,
    locks_changed: Callable[[], None] = lambda: None,
) -> Dispatching:
    """Wire who takes what people ask, and who asks by schedules.

    `job_changed` is called with the id of a job that has news, `server_forgotten` with a server
    that somebody had forgotten, and the moment, `schedules_changed` when a schedule is another, and
    `on_result` with what the firings of a schedule came to. `alert_runner` and `alert_reloader` are
    those of the alerts that people ask about, if this bot has any. `more` returns what the bot
    answers itself beside ANSWERED_HERE; `console` is where people open the console, if there is
    one. What one of `gates` matches is held until people agree; `freezes` are those of the
    settings, `audit_channel` hears who breaks one. `locks_changed` is called when a lock is
    another.
    """
    freezes, rules = freezes or FreezesInForce(), GateRules(gates)
    audit, people, letters = AuditLog(store.audit), Directories(), DeadLetters(channel)
    authorizer = Authorizer(policy, commands)
    planner = Planner(servers, authorizer, source, rules)
    gatekeeper = Gatekeeper(
        planner, authorizer, store, servers, clock, rules, freezes, audit_channel
    )
    firer = ScheduleFirer(commands, gatekeeper, audit, people, clock)
    scheduler = Scheduler(store.schedules, firer, people, job_changed, on_result)
    access = ScheduleAccess(commands, store.schedules, servers, authorizer, audit)
    pairs: list[Builtin[Any]] = [
        *pair_builtins(
            BuiltinParts(
                commands=commands,
                store=store,
                channel=channel,
                letters=letters,
                known=servers,
                gatekeeper=gatekeeper,
                authorizer=authorizer,
                audit=audit,
                job_changed=job_changed,
                server_forgotten=server_forgotten,
                console=console,
                clock=clock,
                why=lambda text, context: dispatcher.why(text, context),
                people=people,
                locks_changed=locks_changed,
                freezes=freezes,
            )
        ),
        Builtin(
            ScheduleCommand,
            ScheduleHandler(
                commands,
                store,
                access,
                gatekeeper,
                firer,
                authorizer,
                audit,
                people,
                schedules_changed=schedules_changed,
                job_changed=job_changed,
            ),
        ),
        Builtin(
            AlertsCommand,
            AlertsHandler(alert_runner, alert_reloader, store.alerts, servers, authorizer, audit),
        ),
        *more(audit),
    ]
    handlers = {pair.command.name: pair.handler for pair in pairs}
    dispatcher = CommandDispatcher(
        commands,
        handlers,
        gatekeeper,
        authorizer,
        audit,
        store.ledger,
        servers,
        job_changed=job_changed,
        priority=priority or ForegroundPriority(),
        limiter=pace,
        clock=clock,
    )
    return Dispatching(
        dispatcher,
        scheduler,
        handlers,
        authorizer,
        audit,
        people,
        access,
        letters,
        commands,
        StartCheck(commands, gatekeeper, people, servers, clock),
        Undoing(commands, store.ledger, servers, audit, job_changed, source, clock),
        freezes,
    )
