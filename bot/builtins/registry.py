"""All of what the bot answers itself about Baton, and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from baton.command import Known, Reach
from baton.consumer import Extension
from baton.extensions import Commands
from bot.builtins.answers import AnswerHandler
from bot.builtins.audit import Audit, AuditHandler
from bot.builtins.cancel import Cancel, CancelHandler
from bot.builtins.forget import Forget, ForgetHandler
from bot.builtins.help import Help, HelpHandler
from bot.builtins.jobs import Jobs, JobsHandler
from bot.builtins.log import Log, LogHandler
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import Builtin, BuiltinCommand
from bot.store import Store

BUILTINS = (
    Extension(Help),
    Extension(Cancel),
    Extension(Log),
    Extension(Jobs),
    Extension(Audit),
    Extension(Forget),
)
"""The words of each, for whoever lists what can be asked."""


def builtins(
    commands: Commands,
    store: Store,
    known: Known,
    authorizer: Authorizer,
    audit: AuditLog,
    *,
    wake: Callable[[str], None],
    forgotten: Callable[[str, datetime], None],
    clock: Callable[[], datetime],
) -> list[Builtin[Any]]:
    """Return each of BUILTINS with its handler, and those of `commands` that answer from the
    servers that are `known`.

    `wake` is called with the id of a job that is cancelled, `forgotten` with a server that is
    forgotten and the moment.
    """
    answers = AnswerHandler(known, authorizer, audit)
    return [
        Builtin(Help, HelpHandler(commands, audit)),
        Builtin(Cancel, CancelHandler(store.ledger, authorizer, audit, wake)),
        Builtin(Log, LogHandler(store.ledger, authorizer, audit)),
        Builtin(Jobs, JobsHandler(store.ledger, authorizer, audit)),
        Builtin(Audit, AuditHandler(authorizer, audit)),
        Builtin(Forget, ForgetHandler(known, store.servers, authorizer, audit, forgotten, clock)),
        *(
            Builtin(one.command, answers)
            for one in commands.values()
            if one.command.reach is Reach.HERE and not issubclass(one.command, BuiltinCommand)
        ),
    ]
