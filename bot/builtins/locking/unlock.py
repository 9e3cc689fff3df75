"""`/unlock`: end one's lock, or wait for it no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from bot.builtins.locking.words import parse_scope
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind
from bot.locks import clock
from bot.store.safety.lock_store import LockStore


class UnlockCommand(BuiltinCommand):
    """End your lock, or wait for one no longer. Who waits for it gets it.

    Name it as /locks does. The lock of somebody else: /lock ... --steal, so that they are told.
    """

    name: ClassVar[str] = "unlock"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/unlock shop prod"
    words: tuple[str, ...] = Field(description="what is locked", examples=["shop"])

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: what is locked."""
        return "/unlock [APP] ENVIRONMENT [--host SERVER]"


class UnlockHandler(Handler[UnlockCommand]):
    """Ends locks of whoever asks. `changed` is called once one has changed."""

    def __init__(self, locks: LockStore, audit: AuditLog, changed: Callable[[], None]) -> None:
        self._locks = locks
        self._audit = audit
        self._changed = changed

    @override
    async def handle(self, command: UnlockCommand, context: CommandContext) -> Reply:
        asked, scope = context.invocation, parse_scope(command.words)
        directory = asked.place.directory
        over = await self._locks.release(scope, asked.asker, directory)
        if over:
            await self._audit.write(asked, "allowed", environment=scope.environment)
            self._changed()
            held = any(one.held for one in over)
            what = "Unlocked" if held else "You wait no longer for the lock of"
            return Reply(f"{what}{':' if held else ''} {scope.label}.")
        found = (await self._locks.in_force([scope.environment])).locks
        mine = [one for one in found if one.owned_by(asked.asker, directory)]
        text = f"You do not have a lock of exactly {scope.label}."
        if mine:
            text += f" You have: {', '.join(f'/unlock {one.scope.words}' for one in mine)}."
        met = [one for one in found if one.held and one not in mine and one.scope.overlaps(scope)]
        if met:
            one = met[0]
            text += (
                f" {one.owner.label} has locked {one.scope.label} until {clock(one.until)} "
                f"(“{one.reason}”). To take it: /lock {one.scope.words} --steal because …"
            )
        await self._audit.write_or_log(asked, "unusable", text, environment=scope.environment)
        return Reply(text, kind=ReplyKind.CONFLICT)
