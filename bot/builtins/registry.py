"""All of what the bot answers itself about Baton: one line for each command and its handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from baton.bus.channel import Channel
from baton.command import Command, Known, Reach
from bot.builtins.answers import AnswerHandler
from bot.builtins.audit import AuditCommand, AuditHandler
from bot.builtins.cancel import CancelCommand, CancelHandler
from bot.builtins.console import ConsoleCommand, ConsoleHandler
from bot.builtins.dead import DeadCommand, DeadHandler
from bot.builtins.forget import ForgetCommand, ForgetHandler
from bot.builtins.freezing.freezes import FreezesCommand, FreezesHandler
from bot.builtins.freezing.reviewed import ReviewedCommand, ReviewedHandler
from bot.builtins.help import HelpCommand, HelpHandler
from bot.builtins.jobs import JobsCommand, JobsHandler
from bot.builtins.locking.lock import LockCommand, LockHandler
from bot.builtins.locking.locks import LocksCommand, LocksHandler
from bot.builtins.locking.unlock import UnlockCommand, UnlockHandler
from bot.builtins.log import LogCommand, LogHandler
from bot.builtins.retry import RetryCommand, RetryHandler
from bot.builtins.rollout import RolloutCommand, RolloutHandler
from bot.builtins.run import RunCommand, RunHandler, waiting_in
from bot.builtins.token import TokenCommand, TokenHandler
from bot.builtins.versions import VersionsCommand, VersionsHandler
from bot.builtins.vote import ApproveCommand, ConfirmCommand, DenyCommand, VoteHandler
from bot.builtins.why import Why, WhyCommand, WhyHandler
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import Builtin, BuiltinCommand, Handler
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.dead_letters import DeadLetters
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.people import Directories
from bot.store import Store

C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinParts:
    """What handlers are made of. `job_changed` is called with the id of a job that is cancelled,
    `server_forgotten` with a server that is forgotten and the moment. `console` is where people
    open the console, if this bot has one; `why` answers what stands in the way of words.
    `locks_changed` is called when a lock is another."""

    commands: LiveCommands
    store: Store
    channel: Channel
    letters: DeadLetters
    known: Known
    gatekeeper: Gatekeeper
    authorizer: Authorizer
    audit: AuditLog
    job_changed: Callable[[str], None]
    server_forgotten: Callable[[str, datetime], None]
    console: ConsoleAddress | None
    clock: Callable[[], datetime]
    why: Why
    people: Directories
    locks_changed: Callable[[], None]
    freezes: FreezesInForce


@dataclass(frozen=True, slots=True)
class BuiltinEntry(Generic[C]):
    """A command, and how its handler is made."""

    command: type[C]
    handler: Callable[[BuiltinParts], Handler[C]]


BUILTINS: tuple[BuiltinEntry[Any], ...] = (
    BuiltinEntry(HelpCommand, lambda it: HelpHandler(it.commands, it.audit)),
    BuiltinEntry(
        CancelCommand,
        lambda it: CancelHandler(it.store.ledger, it.authorizer, it.audit, it.job_changed),
    ),
    BuiltinEntry(ApproveCommand, lambda it: _votes(it)),
    BuiltinEntry(ConfirmCommand, lambda it: _votes(it)),
    BuiltinEntry(DenyCommand, lambda it: _votes(it)),
    BuiltinEntry(
        RolloutCommand,
        lambda it: RolloutHandler(it.store.ledger, it.authorizer, it.audit, it.job_changed),
    ),
    BuiltinEntry(
        RetryCommand,
        lambda it: RetryHandler(
            it.commands, it.store.ledger, it.gatekeeper, it.authorizer, it.audit, it.job_changed
        ),
    ),
    BuiltinEntry(
        RunCommand,
        lambda it: RunHandler(
            it.commands, partial(waiting_in, it.channel), it.authorizer, it.audit
        ),
    ),
    BuiltinEntry(
        DeadCommand,
        lambda it: DeadHandler(
            it.letters,
            it.commands,
            it.store.ledger,
            it.gatekeeper,
            it.authorizer,
            it.audit,
            it.job_changed,
        ),
    ),
    BuiltinEntry(
        LockCommand,
        lambda it: LockHandler(
            it.store.locks, it.known, it.people, it.authorizer, it.audit, it.locks_changed
        ),
    ),
    BuiltinEntry(
        UnlockCommand, lambda it: UnlockHandler(it.store.locks, it.audit, it.locks_changed)
    ),
    BuiltinEntry(LocksCommand, lambda it: LocksHandler(it.store.locks, it.authorizer, it.audit)),
    BuiltinEntry(
        FreezesCommand,
        lambda it: FreezesHandler(
            it.freezes, it.store.broken_freezes, it.authorizer, it.audit, it.clock
        ),
    ),
    BuiltinEntry(
        ReviewedCommand,
        lambda it: ReviewedHandler(it.store.broken_freezes, it.authorizer, it.audit),
    ),
    BuiltinEntry(WhyCommand, lambda it: WhyHandler(it.why)),
    BuiltinEntry(LogCommand, lambda it: LogHandler(it.store.ledger, it.authorizer, it.audit)),
    BuiltinEntry(JobsCommand, lambda it: JobsHandler(it.store.ledger, it.authorizer, it.audit)),
    BuiltinEntry(AuditCommand, lambda it: AuditHandler(it.authorizer, it.audit)),
    BuiltinEntry(
        ForgetCommand,
        lambda it: ForgetHandler(
            it.known, it.store.servers, it.authorizer, it.audit, it.server_forgotten, it.clock
        ),
    ),
    BuiltinEntry(
        VersionsCommand,
        lambda it: VersionsHandler(it.known, it.store.ledger, it.authorizer, it.audit),
    ),
    BuiltinEntry(
        ConsoleCommand, lambda it: ConsoleHandler(it.store.sign_ins, it.console, it.audit)
    ),
    BuiltinEntry(
        TokenCommand, lambda it: TokenHandler(it.store.sign_ins, it.console, it.audit, it.clock)
    ),
)


def _votes(it: BuiltinParts) -> VoteHandler:
    return VoteHandler(it.store.ledger, it.authorizer, it.audit, it.job_changed)


def pair_builtins(parts: BuiltinParts) -> list[Builtin[Any]]:
    """Return each of BUILTINS with its handler, and with theirs the commands of others that are
    answered from the list of servers."""
    answers = AnswerHandler(parts.known, parts.authorizer, parts.audit)
    return [
        *(Builtin(one.command, one.handler(parts)) for one in BUILTINS),
        *(
            Builtin(one.command, answers)
            for one in parts.commands.values()
            if one.command.reach is Reach.HERE and not issubclass(one.command, BuiltinCommand)
        ),
    ]
