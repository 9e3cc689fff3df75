"""Commands of others that no server does: they answer from the servers that the bot knows."""

from __future__ import annotations

from dataclasses import replace

from typing_extensions import override

from baton.command import Command, Known
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest
from bot.dispatch.reply import Reply, refused
from bot.servers.inventory import VisibleServers


class AnswerHandler(Handler[Command]):
    """Answers any command whose reach is HERE by its own `answer`, of what the one who asks may
    look at."""

    def __init__(self, known: Known, authorizer: Authorizer, audit: AuditLog) -> None:
        self._known = known
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: Command, context: CommandContext) -> Reply:
        named = command.target.environment
        if named is not None and (refused := await self._refused(command, named, context, named)):
            return refused
        reader = self._authorizer.reader(command.name, context)
        servers = self._known.servers()
        seen = await reader.visible(servers)
        if servers and not seen:
            least = min(one.facts.environment for one in servers)
            refused = await self._refused(command, least, context)
            assert refused is not None
            return refused
        known = self._known
        visible = VisibleServers(seen, known.blind_since, known.signing_keys)
        answer = command.answer(visible)
        await self._audit.write_or_log(context.invocation, "answered", environment=named or "")
        left = 0 if named else len(servers) - len(seen)
        return Reply(
            answer=replace(answer, summary=answer.summary + reader.left_out_note("server", left))
        )

    async def _refused(
        self, command: Command, environment: str, context: CommandContext, about: str = ""
    ) -> Reply | None:
        """Return why they may not look at `environment`; None if they may. It is recorded as
        `about` an environment."""
        asked = context.invocation
        request = AccessRequest(command.name, environment, changes=False)
        refusal = await self._authorizer.refusal([request], asked.asker, context.groups)
        if refusal is None:
            return None
        await self._audit.write_or_log(asked, refusal.verdict, refusal.text, environment=about)
        return refused(refusal)
