"""`/demo`: breaks a simulated server, to show the alert, and repairs it."""

from __future__ import annotations

from typing import ClassVar, Literal

from typing_extensions import override

from baton.errors import UsageError
from baton.fields import Host
from bot.demo.pretend_servers import NAMES, PretendServers
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind


class DemoCommand(BuiltinCommand):
    """Break a simulated server, as if it had lost power, or repair it."""

    name: ClassVar[str] = "demo"
    example: ClassVar[str] = "/demo break web-2"
    action: Literal["break", "repair"]
    host: Host


class DemoHandler(Handler[DemoCommand]):
    """Breaks and repairs `servers`."""

    def __init__(self, servers: PretendServers, audit: AuditLog) -> None:
        self._servers = servers
        self._audit = audit

    @override
    async def handle(self, command: DemoCommand, context: CommandContext) -> Reply:
        host = command.host
        if host not in NAMES:
            raise UsageError(f"Unknown server “{host}”. Servers: {', '.join(NAMES)}.")
        await self._audit.write(context.invocation, "answered")
        if command.action == "repair":
            done = await self._servers.repair(host)
            kind = ReplyKind.DONE if done else ReplyKind.CONFLICT
            return Reply(f"{host} is {'starting' if done else 'not broken'}.", kind=kind)
        done = await self._servers.break_down(host)
        if not done:
            text = f"{host} is already broken: /demo repair {host}."
            return Reply(text, kind=ReplyKind.CONFLICT)
        return Reply(f"{host} is broken: wait for the alert, then /demo repair {host}.")
