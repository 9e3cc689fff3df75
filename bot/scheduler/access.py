"""Schedules as people name them, and who may read and change them."""

from __future__ import annotations

from collections.abc import Sequence

from baton.command import Known
from baton.errors import UsageError
from baton.extensions import Commands
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import AccessRequest, Record, Refusal, access_requests
from bot.dispatch.reply import Reply
from bot.scheduler.firing import parse_schedulable
from bot.schedules.schedule import Schedule
from bot.servers.runners import environments_for
from bot.store.schedules.schedule_store import ScheduleStore


class ScheduleAccess:
    """Finds schedules, and says who may read and change them: whoever may ask for what a schedule
    asks. `known` knows the servers, whose environments count where a schedule names none."""

    def __init__(
        self,
        commands: Commands,
        schedules: ScheduleStore,
        known: Known,
        authorizer: Authorizer,
        audit: AuditLog,
    ) -> None:
        self._commands = commands
        self._schedules = schedules
        self._known = known
        self._authorizer = authorizer
        self._audit = audit

    async def find(self, words: Sequence[str], what: str) -> Schedule:
        """Return the schedule that is named first; `what` is to be done with it. Raises
        UsageError."""
        if not words:
            raise UsageError(f"Which schedule? /schedule {what} ID; /schedule list shows the ids.")
        schedule = await self._schedules.find(words[0])
        if schedule is None:
            raise UsageError(
                f"No schedule, or more than one, matches “{words[0]}”. See /schedule list."
            )
        return schedule

    async def find_readable(
        self, context: CommandContext, words: Sequence[str], what: str
    ) -> tuple[Schedule, Reply | None]:
        """Return the schedule that is named first, and the reply to somebody who may not read it;
        either is recorded. Raises UsageError."""
        asked = context.invocation
        schedule = await self.find(words, what)
        hidden = await self._authorizer.hidden(
            self.record(schedule), "schedule", asked.asker, asked.place, context.groups
        )
        if hidden is not None:
            return schedule, await self._audit.refuse(asked, hidden)
        await self._audit.write(asked, "answered")
        return schedule, None

    def record(self, schedule: Schedule) -> Record:
        """Return `schedule` as somebody may want to read it."""
        servers = self._known.servers()
        try:
            command = parse_schedulable(self._commands, schedule.words)
            requests = access_requests(command, environments_for(command, servers))
        except UsageError:  # of an older command: as whatever may be anywhere
            everywhere = sorted(self._authorizer.environments(servers))
            requests = tuple(AccessRequest("schedule", each) for each in everywhere)
        return Record(requests, schedule.owner, schedule.place)

    async def refusal(self, context: CommandContext, schedule: Schedule) -> Refusal | None:
        """Return why the one who asks may not change `schedule`; None if they may: they are its
        owner, or may ask for what it asks. Raises UsageError if nobody can ask for that any
        more."""
        asker = context.invocation.asker
        if asker.id == schedule.owner.id:
            return None
        command = parse_schedulable(self._commands, schedule.words)
        requests = access_requests(command, environments_for(command, self._known.servers()))
        return await self._authorizer.refusal(requests, asker, context.groups)
