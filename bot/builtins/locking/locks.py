"""`/locks`: who has locked what, until when, and who waits."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from baton.outcome import Answer
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply
from bot.locks import clock, queue_of
from bot.store.safety.lock_store import LockStore

_COLUMNS = ("lock", "owner", "until", "reason", "waiting")


class LocksCommand(BuiltinCommand):
    """List the locks: who has them, until when, why, and who waits."""

    name: ClassVar[str] = "locks"
    example: ClassVar[str] = "/locks"


class LocksHandler(Handler[LocksCommand]):
    """Lists the open locks of `locks`."""

    def __init__(self, locks: LockStore, authorizer: Authorizer, audit: AuditLog) -> None:
        self._locks = locks
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: LocksCommand, context: CommandContext) -> Reply:
        found = (await self._locks.in_force()).locks
        await self._audit.write_or_log(context.invocation, "answered")
        reader = self._authorizer.reader(command.name, context)
        held = [one for one in found if one.held]
        seen = [one for one in held if await reader.may_look_at(one.scope.environment)]
        left = reader.left_out_note("lock", len(held) - len(seen))
        if not seen:
            return Reply(answer=Answer(f"Nothing is locked{left}"))
        rows = tuple(
            (
                one.scope.words,
                one.owner.label,
                clock(one.until),
                one.reason,
                ", ".join(each.owner.label for each in queue_of(one, found)),
            )
            for one in seen
        )
        return Reply(answer=Answer(f"Locks: {len(rows)}{left}", _COLUMNS, rows))
