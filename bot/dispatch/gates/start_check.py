"""Before a job that was held starts: may its asker still ask for it, and for which servers?"""

from __future__ import annotations

from collections.abc import Collection

from baton.bus.exchanges import work_key
from baton.command import Command
from baton.errors import UsageError
from baton.extensions import Commands
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.people import Directories, Profile
from bot.holds import Hindrance
from bot.jobs import Job
from bot.servers.inventory import select_servers
from bot.servers.registry import ServerRegistry
from bot.servers.runner_command import RunnerCommand
from bot.servers.runners import serving


class StartCheck:
    """Looks again at jobs that people have agreed to. `people` are asked who somebody is now, as
    for a schedule."""

    def __init__(
        self,
        commands: Commands,
        authorizer: Authorizer,
        people: Directories,
        servers: ServerRegistry,
    ) -> None:
        self._commands = commands
        self._authorizer = authorizer
        self._people = people
        self._servers = servers

    async def hindrance(self, job: Job, hosts: Collection[str]) -> Hindrance | None:
        """Return why `job` may not start on `hosts` now; None if it may."""
        asker, directory = job.asked_by, job.place.directory
        unknown = Profile(standing=asker.standing)
        profile = await self._people.profile(directory, asker.id, unknown)
        if profile.deactivated:
            return Hindrance(f"{asker.label}, who asked, is no longer in the chat", final=True)
        person = asker.model_copy(update={"standing": profile.standing})
        groups = self._people.groups_of(directory, asker.id)
        requests = self._authorizer.requests_of(job)
        refusal = await self._authorizer.refusal(requests, person, groups)
        if refusal is None:
            return None
        if refusal.verdict == "undecided":
            return Hindrance(f"the user groups of {asker.label} cannot be looked up now")
        return Hindrance(
            f"{asker.label}, who asked, may not ask for it any more: {refusal.text}", final=True
        )

    def hosts(self, job: Job) -> frozenset[str]:
        """Return the servers that the words of `job` mean now: none if nobody understands them."""
        try:
            command = self._commands.build(job.command, job.arguments)
        except UsageError:
            return frozenset()
        if isinstance(command, RunnerCommand):
            queue = command.runner.queue
            return frozenset([work_key(queue)] if serving(queue, self._servers.servers()) else [])
        return self._meant(command)

    def _meant(self, command: Command) -> frozenset[str]:
        try:
            meant = select_servers(self._servers.servers(), command.target)
        except UsageError:
            return frozenset()
        return frozenset(server.facts.host for server in meant)
