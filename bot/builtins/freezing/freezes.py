"""`/freezes`: when nothing changes, and which freezes were broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from typing_extensions import override

from baton.outcome import Answer
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.freeze import until_text, whom
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.freezing.windows import Freeze
from bot.dispatch.reply import Reply
from bot.jobs import short_id
from bot.locks import clock as moment_text
from bot.store.safety.broken_freezes import BrokenFreezes

_COLUMNS = ("freeze", "state", "of", "who may break it")


class FreezesCommand(BuiltinCommand):
    """List the freezes, and those that somebody broke and nobody else has reviewed yet."""

    name: ClassVar[str] = "freezes"
    example: ClassVar[str] = "/freezes"


class FreezesHandler(Handler[FreezesCommand]):
    """Lists `freezes`, and the open items of `broken`."""

    def __init__(
        self,
        freezes: FreezesInForce,
        broken: BrokenFreezes,
        authorizer: Authorizer,
        audit: AuditLog,
        clock: Callable[[], datetime],
    ) -> None:
        self._freezes = freezes
        self._broken = broken
        self._authorizer = authorizer
        self._audit = audit
        self._clock = clock

    @override
    async def handle(self, command: FreezesCommand, context: CommandContext) -> Reply:
        await self._audit.write_or_log(context.invocation, "answered")
        now, freezes = self._clock(), self._freezes.freezes
        items = await self._broken.open_items()
        reader = self._authorizer.reader(command.name, context)
        seen = [
            one
            for one in items
            if all([await reader.may_look_at(each) for each in one.environment.split(", ")])
        ]
        rows = tuple(
            [_freeze_row(one, now) for one in freezes]
            + [
                (
                    one.freeze,
                    f"broken by {one.person.label}, {moment_text(one.at)}: {one.reason}",
                    one.words,
                    f"to review: /reviewed {short_id(one.id)}",
                )
                for one in seen
            ]
        )
        wait = f"; {len(seen)} broken, to be reviewed" if seen else ""
        left = reader.left_out_note("broken freeze", len(items) - len(seen))
        wrong = "".join(
            f". They stay as they were: {problem}" for problem in self._freezes.problems
        )
        summary = f"Freezes: {len(freezes)}{wait}{left}{wrong}"
        return Reply(answer=Answer(summary, _COLUMNS, rows) if rows else Answer(summary))


def _freeze_row(freeze: Freeze, now: datetime) -> tuple[str, str, str, str]:
    end = freeze.windows.end_at(now)
    state = "not on" if end is None else f"on until {until_text(end, freeze)}"
    of = f"{', '.join(freeze.apps)} in {', '.join(freeze.environments)}"
    return (f"“{freeze.name}”", state, of, whom(freeze) or "nobody")
