"""`/reviewed`: close the item of a freeze that somebody else broke."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.errors import UsageError
from bot.builtins.job_ids import JobId
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest, Refusal
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import short_id
from bot.locks import clock
from bot.store.safety.broken_freezes import BrokenFreezes


class ReviewedCommand(BuiltinCommand):
    """Say that you have looked at a freeze that somebody else broke.

    The item is closed then. /freezes lists the open ones. You need the right to run the command
    that broke the freeze.
    """

    name: ClassVar[str] = "reviewed"
    example: ClassVar[str] = "/reviewed 7k2m"
    item: JobId = Field(description="the ID that /freezes shows")


class ReviewedHandler(Handler[ReviewedCommand]):
    """Closes items of `broken`."""

    def __init__(self, broken: BrokenFreezes, authorizer: Authorizer, audit: AuditLog) -> None:
        self._broken = broken
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: ReviewedCommand, context: CommandContext) -> Reply:
        asked = context.invocation
        item = await self._broken.find(command.item)
        if item is None:
            raise UsageError(f"No broken freeze, or more than one, is “{command.item}”.")
        requests = [
            AccessRequest(item.command, each, item.app, shown=f"/reviewed {short_id(item.id)}")
            for each in item.environment.split(", ")
        ]
        refusal = await self._authorizer.refusal(requests, asked.asker, context.groups)
        same = (item.person.id, item.place.directory) == (asked.asker.id, asked.place.directory)
        if refusal is None and same:
            refusal = Refusal("You broke this freeze yourself: somebody else has to review it.")
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, environment=item.environment)
        if item.reviewed is not None:
            text = f"{item.reviewer} has reviewed it already, {clock(item.reviewed)}."
            await self._audit.write_or_log(asked, "unusable", text)
            return Reply(text, kind=ReplyKind.CONFLICT)
        after = await self._broken.review(item.id, asked.asker)
        await self._audit.write(asked, "allowed", item.freeze, environment=item.environment)
        by = item.reviewer if after is None else after.reviewer
        return Reply(f"Reviewed by {by}: {item.person.label} broke {item.freeze}: {item.reason}")
