"""`/forget`: drop a server that is gone for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import now
from baton.command import Known
from baton.errors import UsageError
from baton.fields import Host
from baton.text.words import did_you_mean
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest
from bot.dispatch.reply import Reply
from bot.store.server_store import ServerStore


class ForgetCommand(BuiltinCommand):
    """Forget a server that was taken out of service, or that was moved to another environment.

    If its agent still runs, the server returns to the list with its next heartbeat, with the
    environment that it reports then.
    """

    name: ClassVar[str] = "forget"
    example: ClassVar[str] = "/baton forget web-9"
    changes: ClassVar[bool] = True
    host: Host = Field(description="the server name shown by /servers")


class ForgetHandler(Handler[ForgetCommand]):
    """Forgets servers, in the database and, by `server_forgotten`, in this process."""

    def __init__(
        self,
        known: Known,
        servers: ServerStore,
        authorizer: Authorizer,
        audit: AuditLog,
        server_forgotten: Callable[[str, datetime], None],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._known = known
        self._servers = servers
        self._authorizer = authorizer
        self._audit = audit
        self._server_forgotten = server_forgotten
        self._clock = clock

    @override
    async def handle(self, command: ForgetCommand, context: CommandContext) -> Reply:
        """Forget a server. That needs a rule, as what changes servers does: it is deployed to no
        more."""
        asked, host = context.invocation, command.host
        known = {seen.facts.host: seen.facts for seen in self._known.servers()}
        if host not in known:
            hint = did_you_mean(host, known)
            raise UsageError(f"Unknown server “{host}”.{hint} See /servers.")
        environment = known[host].environment
        request = AccessRequest(command.name, environment, shown="/baton forget")
        refusal = await self._authorizer.refusal([request], asked.asker, context.groups)
        if refusal is not None:
            return await self._audit.refuse(asked, refusal)
        await self._audit.write(asked, "allowed")
        at = self._clock()
        await self._servers.forget(host, at)
        self._server_forgotten(host, at)
        return Reply(
            f"Forgotten: {host} in {environment}. If its agent still runs, it returns with "
            "its next heartbeat."
        )
