"""`/audit`: who asked what."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.outcome import Answer
from baton.text.printable import printable
from bot.dispatch.audit_log import AuditLog, shortened
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import place_label
from bot.dispatch.reply import Reply
from bot.jobs import AuditEntry

MAX_WIDTH = 80
"""Characters of what was typed that are shown in a table."""


class AuditCommand(BuiltinCommand):
    """Show the audit log: who ran what, and whether it was allowed."""

    name: ClassVar[str] = "audit"
    last: int = Field(
        default=30, ge=1, le=1000, description="number of requests to show, newest first"
    )


class AuditHandler(Handler[AuditCommand]):
    """Lists the entries of `audit`."""

    def __init__(self, authorizer: Authorizer, audit: AuditLog) -> None:
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: AuditCommand, context: CommandContext) -> Reply:
        """Answer; what may not be read here is left out, and counted."""
        await self._audit.write(context.invocation, "answered")
        reader = self._authorizer.reader(command.name, context)
        entries = await self._audit.recent(command.last)
        read = [
            entry
            for entry in entries
            if await reader.may_read(self._authorizer.audit_record(entry))
        ]
        columns = ("when (UTC)", "who", "where", "request", "verdict")
        rows = tuple(_row(entry) for entry in read)
        summary = f"The latest requests: {len(rows)}{reader.left_out_note('request')}"
        return Reply(answer=Answer(summary, columns if rows else (), rows))


def _row(entry: AuditEntry) -> tuple[str, ...]:
    who = entry.person.label
    where = place_label(entry.place)
    words = shortened(entry.words, MAX_WIDTH)
    when = f"{entry.time:%m-%d %H:%M:%S}"
    return (when, printable(who), printable(where), printable(words), entry.verdict)
