"""The plan maker: says what a request would reach. Nothing is written or sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from baton.command import Command, KnownServer
from baton.errors import UsageError
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.context import CommandContext
from bot.dispatch.plan import Plan, PlannedServer, slash_command
from bot.dispatch.planner import Denied, Planner
from bot.dispatch.rate_limiter import LimitsTable
from bot.jobs import NewJob
from bot.servers.inventory import select_servers
from bot.servers.registry import ServerRegistry

PLAN_LIMITS = LimitsTable(requests_per_minute=600, burst=60)
"""How often one person may ask for a plan: a form asks for one with each change of a field."""
_LOOK = "servers"
"""The command that shows what is known of servers."""


class PlanMaker:
    """Makes plans of what `planner` would start, with what `known` knows of the servers."""

    def __init__(self, planner: Planner, authorizer: Authorizer, known: ServerRegistry) -> None:
        self._planner = planner
        self._authorizer = authorizer
        self._known = known

    async def of_servers(self, command: Command, context: CommandContext) -> Plan:
        """Return the plan of a command for servers. Raises UsageError."""
        return await self.of(
            command, await self._planner.authorize_and_plan(command, context), context
        )

    async def of(
        self, command: Command, found: NewJob | Denied | None, context: CommandContext
    ) -> Plan:
        """Return the plan of `command`, which would come to `found`: None is no job."""
        text = slash_command(command, context.invocation.text)
        target = command.target
        if found is None:
            title = text.removeprefix("/")
            return Plan(command, text, title, target.environment or "", target.app, (), None)
        known = {one.facts.host: one for one in self._known.servers()}
        visible = await self._visible(known, context)
        if isinstance(found, NewJob):
            job, hosts = found.job, sorted({run.host for run in found.runs})
            servers = _planned(hosts, visible)
            return Plan(command, text, job.title, job.environment, job.app, servers, True)
        try:
            meant = select_servers(list(visible.values()), target)
        except UsageError:  # they may look at none of these
            meant = []
        servers = _planned([one.facts.host for one in meant], visible)
        title = text.removeprefix("/")
        where = found.environment
        return Plan(command, text, title, where, target.app, servers, False, found.refusal)

    async def _visible(
        self, known: Mapping[str, KnownServer], context: CommandContext
    ) -> dict[str, KnownServer]:
        servers: Sequence[KnownServer] = list(known.values())
        reader = self._authorizer.reader(_LOOK, context)
        return {one.facts.host: one for one in await reader.visible(servers)}


def _planned(hosts: Iterable[str], seen: Mapping[str, KnownServer]) -> tuple[PlannedServer, ...]:
    return tuple(PlannedServer(host, seen.get(host)) for host in hosts)
