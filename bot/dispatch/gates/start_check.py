"""Before a job that was held starts: may its asker still ask for it, and for which servers?"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from baton.bus.exchanges import work_key
from baton.bus.messages import now
from baton.command import Command
from baton.errors import UsageError
from baton.extensions import Commands
from bot.dispatch.gates.finding import first_refusal
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.situation import Asked, intent_of_job
from bot.dispatch.people import Directories, Profile
from bot.holds import Clear, Hindrance
from bot.jobs import Job
from bot.servers.inventory import select_servers
from bot.servers.registry import ServerRegistry
from bot.servers.runner_command import RunnerCommand
from bot.servers.runners import serving
from bot.signers import signers_of, unsigned


class StartCheck:
    """Looks again at jobs that people have agreed to: `gatekeeper` is asked as for an ask, and
    `people` who somebody is now, as for a schedule."""

    def __init__(
        self,
        commands: Commands,
        gatekeeper: Gatekeeper,
        people: Directories,
        servers: ServerRegistry,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._commands = commands
        self._gatekeeper = gatekeeper
        self._people = people
        self._servers = servers
        self._clock = clock

    async def check(self, job: Job, hosts: Collection[str]) -> Hindrance | Clear:
        """Return whether `job` may start on `hosts` now, or why not."""
        blind = self._servers.blind_since
        if blind is not None:  # its requests would expire here, and nobody sees how servers are
            return Hindrance(f"this bot has had no link to RabbitMQ since {blind:%H:%M:%S} UTC")
        if job.hold is not None and job.hold.undoes:
            return await self._fences(job, hosts)
        asker, directory = job.asked_by, job.place.directory
        unknown = Profile(standing=asker.standing)
        profile = await self._people.profile(directory, asker.id, unknown)
        if profile.deactivated:
            return Hindrance(f"{asker.label}, who asked, is no longer in the chat", final=True)
        person = asker.model_copy(update={"standing": profile.standing})
        groups = self._people.groups_of(directory, asker.id)
        intent = intent_of_job(job, hosts, changes=True)
        item = await self._gatekeeper.broken_by(job.id)
        reason, broken = (item.reason, item.freeze) if item is not None else ("", "")
        asked = Asked(intent, person, directory, reason, broken)
        findings, fences = await self._gatekeeper.findings_and_fences(asked, groups)
        refused = first_refusal(findings)
        if refused is None:
            lacking = self._unsigned(job, hosts)
            return Hindrance(lacking) if lacking else Clear(fences)
        if refused.verdict == "undecided":
            return Hindrance(f"the user groups of {asker.label} cannot be looked up now")
        if refused.gate != "permission":
            return Hindrance(refused.text)  # a freeze or a lock: it ends by itself
        return Hindrance(
            f"{asker.label}, who asked, may not ask for it any more: {refused.text}", final=True
        )

    async def _fences(self, job: Job, hosts: Collection[str]) -> Clear:
        """Return that what takes another job back may start: it was let in with that one."""
        intent = intent_of_job(job, hosts, changes=True)
        groups = self._people.groups_of(job.place.directory, job.asked_by.id)
        asked = Asked(intent, job.asked_by, job.place.directory)
        return Clear((await self._gatekeeper.findings_and_fences(asked, groups))[1])

    def _unsigned(self, job: Job, hosts: Collection[str]) -> str:
        """Return which signatures `hosts` lack, by what they say now and by the time."""
        servers = [server.facts for server in self._servers.servers()]
        meant = [facts for facts in servers if facts.host in hosts]
        signers = signers_of(meant, job.command, job.app)
        return unsigned(signers, job.hold.signatures if job.hold else (), self._clock())

    def hosts(self, job: Job) -> frozenset[str] | None:
        """Return the servers that the words of `job` mean now, in its environments; None if this
        bot does not understand them now."""
        try:
            command = self._commands.build(job.command, job.arguments)
        except UsageError:
            return None
        if isinstance(command, RunnerCommand):
            queue = command.runner.queue
            return frozenset([work_key(queue)] if serving(queue, self._servers.servers()) else [])
        asked_for = job.hold.environments if job.hold is not None else {}
        meant = self._meant(command, job.environment.split(", "))
        # of several environments it is known in which each of its servers is, and of no other
        return meant & asked_for.keys() if asked_for else meant

    def _meant(self, command: Command, environments: Collection[str]) -> frozenset[str]:
        try:
            meant = select_servers(self._servers.servers(), command.target)
        except UsageError:
            return frozenset()
        return frozenset(one.facts.host for one in meant if one.facts.environment in environments)
