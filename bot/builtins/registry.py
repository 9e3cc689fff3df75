"""All of what the bot answers itself about Baton, and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from baton.command import Known, Reach
from baton.consumer import Extension
from baton.extensions import Commands
from bot.builtins.answers import AnswerHandler
from bot.builtins.audit import AuditCommand, AuditHandler
from bot.builtins.cancel import CancelCommand, CancelHandler
from bot.builtins.forget import ForgetCommand, ForgetHandler
from bot.builtins.help import HelpCommand, HelpHandler
from bot.builtins.jobs import JobsCommand, JobsHandler
from bot.builtins.log import LogCommand, LogHandler
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import Builtin, BuiltinCommand
from bot.store import Store

BUILTINS = (
    Extension(HelpCommand),
    Extension(CancelCommand),
    Extension(LogCommand),
    Extension(JobsCommand),
    Extension(AuditCommand),
    Extension(ForgetCommand),
)
"""The words of each, for whoever lists what can be asked."""


def pair_builtins(
    commands: Commands,
    store: Store,
    known: Known,
    authorizer: Authorizer,
    audit: AuditLog,
    *,
    job_changed: Callable[[str], None],
    server_forgotten: Callable[[str, datetime], None],
    clock: Callable[[], datetime],
) -> list[Builtin[Any]]:
    """Return each of BUILTINS with its handler, and those of `commands` that answer from the
    servers that are `known`.

    `job_changed` is called with the id of a job that is cancelled, `server_forgotten`
    with a server that is forgotten and the moment.
    """
    answers = AnswerHandler(known, authorizer, audit)
    return [
        Builtin(HelpCommand, HelpHandler(commands, audit)),
        Builtin(CancelCommand, CancelHandler(store.ledger, authorizer, audit, job_changed)),
        Builtin(LogCommand, LogHandler(store.ledger, authorizer, audit)),
        Builtin(JobsCommand, JobsHandler(store.ledger, authorizer, audit)),
        Builtin(AuditCommand, AuditHandler(authorizer, audit)),
        Builtin(
            ForgetCommand,
            ForgetHandler(known, store.servers, authorizer, audit, server_forgotten, clock),
        ),
        *(
            Builtin(one.command, answers)
            for one in commands.values()
            if one.command.reach is Reach.HERE and not issubclass(one.command, BuiltinCommand)
        ),
    ]
