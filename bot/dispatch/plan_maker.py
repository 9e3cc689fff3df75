"""The plan maker: says what a request would reach. Nothing is written or sent."""

from __future__ import annotations

from dataclasses import replace

from baton.command import Command, Known, Reach, Target
from baton.errors import UsageError
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.looked import Looked
from bot.dispatch.plan import Later, Plan, slash_command
from bot.dispatch.planner import Denied
from bot.dispatch.rate_limiter import LimitsTable
from bot.servers.inventory import select_servers

PLAN_LIMITS = LimitsTable(requests_per_minute=600, burst=60)
"""How often one person may ask for a plan: a form asks for one with each change of a field."""
LOOK = "servers"
"""The command that shows what is known of servers."""


class PlanMaker:
    """Makes plans of what `gatekeeper` would let start on the servers that `known` knows."""

    def __init__(self, gatekeeper: Gatekeeper, authorizer: Authorizer, known: Known) -> None:
        self._gatekeeper = gatekeeper
        self._authorizer = authorizer
        self._known = known

    async def of_servers(self, command: Command, context: CommandContext) -> Plan:
        """Return the plan of a command for servers. Raises UsageError."""
        return await self.of(command, await self._gatekeeper.look(command, context), context)

    async def of(
        self, command: Command, found: Looked | Later | Denied | None, context: CommandContext
    ) -> Plan:
        """Return the plan of `command`, which would come to `found`: None is no job."""
        if isinstance(found, Later):
            return replace(await self.of(command, found.job, context), times=found.times)
        text = slash_command(command, context.invocation.text)
        target = command.target
        if found is None:
            title = text.removeprefix("/")
            return Plan(command, text, title, target.environment or "", target.app, (), None)
        if isinstance(found, Looked):
            job, hosts = found.new.job, tuple(sorted({run.host for run in found.new.runs}))
            refused = found.refused
            return Plan(
                command,
                text,
                job.title,
                job.environment,
                job.app,
                hosts,
                refused is None,
                None if refused is None else refused.refusal,
                found.findings,
            )
        title, where = text.removeprefix("/"), found.environment
        # of what the bot or a worker does the target does not say which servers are meant
        of_servers = command.reach in (Reach.EACH, Reach.ALL)
        hosts = () if not of_servers else await self._visible(target, context)
        refusal, findings = found.refusal, found.findings
        return Plan(command, text, title, where, target.app, hosts, False, refusal, findings)

    async def _visible(self, target: Target, context: CommandContext) -> tuple[str, ...]:
        """Return those of the servers that are meant that the one who asks may look at."""
        reader = self._authorizer.reader(LOOK, context)
        try:
            meant = select_servers(await reader.visible(self._known.servers()), target)
        except UsageError:  # they may look at none of these
            return ()
        return tuple(one.facts.host for one in meant)
