"""The authorizer: asks the policy, and looks up the groups of somebody only where they decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from baton.bus.messages import Person
from baton.command import KnownServer
from baton.errors import BatonError
from baton.extensions import Commands
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest, Policy, Record, Refusal
from bot.dispatch.protocol import GroupLookup
from bot.jobs import AuditEntry, Job, Place, short_id

Judge = Callable[[frozenset[str]], Refusal | None]


def undecided(error: BatonError) -> Refusal:
    """Return why nothing can be decided that depends on the groups of somebody, after `error`."""
    return Refusal(
        "Your permissions cannot be checked now: your user groups could not be looked up. Nothing "
        f"was done. Try again in a minute. Reason: {error}",
        "undecided",
    )


class Authorizer:
    """Says who may ask and read what, by `policy`. `commands` says which commands change
    servers."""

    def __init__(self, policy: Policy, commands: Commands) -> None:
        self.policy = policy
        self._commands = commands

    async def refusal(
        self, asked: Sequence[AccessRequest], person: Person, groups: GroupLookup
    ) -> Refusal | None:
        """Return why `person` may not ask `asked`; None if they may."""
        return await self._judged(lambda known: self.policy.refusal(asked, person, known), groups)

    async def refusal_about(self, job: Job, verb: str, context: CommandContext) -> Refusal | None:
        """Return why the one who asks may not say `verb` about `job`; None if they may: whoever may
        ask for the same may, and whoever asked for it."""
        asked = context.invocation
        if job.is_of(asked.asker, asked.place.directory):
            return None
        requests = self.requests_of(job, f"/{verb} {short_id(job.id)}")
        return await self.refusal(requests, asked.asker, context.groups)

    async def hidden(
        self, record: Record, by: str, reader: Person, here: Place, groups: GroupLookup
    ) -> Refusal | None:
        """Return why `reader`, who asks `here` by the command `by`, may not read `record`; None if
        they may."""
        return await self._judged(
            lambda known: self.policy.hidden(record, by, reader, here, known), groups
        )

    def reader(self, by: str, context: CommandContext) -> Reader:
        """Return the one who asks `context`, as a reader of several things by the command `by`."""
        asked = context.invocation
        return Reader(self, by, asked.asker, asked.place, context.groups)

    def requests_of(self, job: Job, shown: str = "") -> tuple[AccessRequest, ...]:
        """Return what `job` asked for, called `shown` in a refusal."""
        known = self._commands.get(job.command)
        changes = known is None or known.command.changes
        return tuple(
            AccessRequest(job.command, each, job.app, changes, shown)
            for each in sorted(job.environment.split(", "))
        )

    def job_record(self, job: Job) -> Record:
        """Return `job` as somebody may want to read it."""
        return Record(self.requests_of(job), job.asked_by, job.place)

    def audit_record(self, entry: AuditEntry) -> Record:
        """Return an entry of the audit log as somebody may want to read it. What belongs to no
        environment is about each protected one that its words name."""
        where = set(filter(None, entry.environment.split(", ")))
        if not where:
            words = set(re.findall(r"[\w.-]+", entry.words))
            where = {each for each in words if self.policy.protects(each)}
        asked = tuple(AccessRequest("audit", each, changes=False) for each in sorted(where))
        return Record(asked, entry.person, entry.place)

    def environments(self, servers: Iterable[KnownServer]) -> set[str]:
        """Return every environment that is known: of one of `servers`, or named in the settings."""
        return {seen.facts.environment for seen in servers} | set(self.policy.environments)

    async def _judged(self, judge: Judge, groups: GroupLookup) -> Refusal | None:
        refusal = judge(frozenset())
        if refusal is None or judge(self.policy.with_every_group()) is not None:
            return refusal  # no group would change it
        try:
            known = await groups()
        except BatonError as error:
            return undecided(error)
        return judge(known)


class Reader:
    """Somebody who is shown several things by one command: tells which, and counts the others."""

    def __init__(
        self, rights: Authorizer, by: str, reader: Person, here: Place, groups: GroupLookup
    ) -> None:
        self._authorizer = rights
        self._by = by
        self._reader = reader
        self._here = here
        self._groups = looked_up_once(groups)
        self.left_out = 0
        self._undecided = False

    async def may_read(self, record: Record) -> bool:
        """Return whether they may read `record`. What they may not read is counted."""
        hidden = await self._authorizer.hidden(
            record, self._by, self._reader, self._here, self._groups
        )
        if hidden is not None:
            self.left_out += 1
            self._undecided |= hidden.verdict == "undecided"
        return hidden is None

    async def may_look_at(self, environment: str) -> bool:
        """Return whether they may look at `environment`."""
        asked = [AccessRequest(self._by, environment, changes=False)]
        refusal = await self._authorizer.refusal(asked, self._reader, self._groups)
        self._undecided |= refusal is not None and refusal.verdict == "undecided"
        return refusal is None

    async def visible(self, servers: Sequence[KnownServer]) -> list[KnownServer]:
        """Return those of `servers` that are in environments that they may look at."""
        environments = {seen.facts.environment for seen in servers}
        looks = {each for each in environments if await self.may_look_at(each)}
        return [seen for seen in servers if seen.facts.environment in looks]

    def left_out_note(self, what: str, count: int | None = None) -> str:
        """Return `; 3 jobs left out: you are not allowed to read them`, or nothing."""
        count = self.left_out if count is None else count
        if not count:
            return ""
        why = "you are not allowed to read them" if count > 1 else "you are not allowed to read it"
        if self._undecided:
            why = "your user groups could not be looked up, try again in a minute"
        return f"; {count} {what}{'s' * (count > 1)} left out: {why}"


def looked_up_once(groups: GroupLookup) -> GroupLookup:
    """Return `groups`, looked up at most once, however often it is asked for."""
    found: list[frozenset[str] | BatonError] = []

    async def look_up() -> frozenset[str]:
        if not found:
            try:
                found.append(await groups())
            except BatonError as error:
                found.append(error)
        if isinstance(found[0], BatonError):
            raise found[0]
        return found[0]

    return look_up
