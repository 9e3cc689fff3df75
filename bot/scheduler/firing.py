"""Step 1 of the path (request), by a schedule: a time that has come becomes a job, if its owner may
still ask for it at that moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from baton.bus.messages import Person
from baton.bus.messages import now as time_now
from baton.command import Command, Reach
from baton.errors import UsageError
from baton.extensions import Commands
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.context import CommandContext, Invocation
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.people import Directories
from bot.dispatch.planner import Denied
from bot.dispatch.protocol import GroupLookup
from bot.jobs import AuditEntry, NewJob
from bot.schedules.change import Change
from bot.schedules.decisions import (
    Decision,
    pause,
    record_failure_to_start,
    record_skip,
    record_start,
)
from bot.schedules.posts import SchedulePost, day_of, day_post, notice_post
from bot.schedules.schedule import Schedule, Verdict

SKIPPED_AT = ("freeze", "lock")
"""The gates at which a schedule skips: they open again by themselves."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing that is ready to be written. `reply` is for whoever ran it by hand."""

    change: Change
    step: Decision
    reply: str = ""

    @property
    def jobs(self) -> list[str]:
        """Return the jobs that have news once it is written."""
        return jobs_of(self.change)


def jobs_of(change: Change) -> list[str]:
    """Return the jobs that have news once `change` is written."""
    asked = [new.job.id for new, _ in change.jobs]
    return [*asked, *(post.id for post in change.posts), *filter(None, [change.reveal])]


class ScheduleFirer:
    """Turns a time of a schedule that has come into a job, if its owner may still ask for it."""

    def __init__(
        self,
        commands: Commands,
        gatekeeper: Gatekeeper,
        audit: AuditLog,
        people: Directories,
        clock: Callable[[], datetime] = time_now,
    ) -> None:
        self._commands = commands
        self._gatekeeper = gatekeeper
        self._audit = audit
        self._people = people
        self._clock = clock

    async def fire(
        self,
        schedule: Schedule,
        nominal: datetime,
        now: datetime,
        *,
        asker: Person | None = None,
        groups: GroupLookup | None = None,
        key: str = "",
    ) -> Fired:
        """Return the firing of `nominal`, at `now`: what is to be written of it.

        It is asked by its owner, or by `asker`, who runs it by hand, and whose job has this `key`.
        """
        person = asker or schedule.owner
        key = key or f"schedule/{schedule.id}/{nominal.isoformat()}"
        groups = groups or self._people.groups_of(schedule.place.directory, schedule.owner.id)
        asked = Invocation(schedule.words, person, schedule.place, key, self._clock())
        by = person.label if asker else ""
        try:
            command = parse_schedulable(self._commands, schedule.words)
            found = await self._gatekeeper.admit(command, CommandContext(asked, groups))
        except UsageError as error:
            step = record_failure_to_start(schedule, nominal, "failed", error.problem, now)
            entry = self._audit.entry(asked, "unusable", error.problem)
            return Fired(build_change(step, now, nominal, audit=(entry,)), step, error.problem)
        if isinstance(found, Denied):
            verdict: Verdict = "refused" if found.refusal.verdict == "refused" else "failed"
            text, where = found.refusal.text, found.environment
            if found.gate in SKIPPED_AT:
                step = record_skip(schedule, nominal, text, now)
            else:
                step = record_failure_to_start(schedule, nominal, verdict, text, now)
            entry = self._audit.entry(asked, found.refusal.verdict, text, environment=where)
            return Fired(build_change(step, now, nominal, audit=(entry,)), step, text)
        quiet = schedule.timing.rules.quiet and asker is None
        job = replace(found.new.job, under=day_of(schedule, nominal), hidden=quiet)
        new = replace(found.new, job=job)
        step = record_start(schedule, nominal, new.job.id, now, by)
        entry = self._audit.starting(asked, new.job)
        return Fired(build_change(step, now, nominal, ask=(new, entry), shown=not quiet), step)


def build_change(
    step: Decision,
    now: datetime,
    nominal: datetime | None,
    *,
    ask: tuple[NewJob, AuditEntry] | None = None,
    audit: tuple[AuditEntry, ...] = (),
    shown: bool = True,
) -> Change:
    """Return what is written of `step`, with the post of the day of `nominal` and the notice, if
    there is one."""
    schedule = step.schedule
    posts: list[SchedulePost] = []
    if nominal is not None and shown:
        posts.append(day_post(schedule, nominal, now))
    if step.notice:
        mark = f"{schedule.revision}/{now.isoformat()}"
        posts.append(notice_post(schedule, step.notice, step.good, mark, now))
    return Change(schedule, step.firings, (ask,) if ask else (), audit=audit, posts=tuple(posts))


def parse_schedulable(commands: Commands, words: str) -> Command:
    """Return the command that `words` ask for. Raises UsageError, also for one that no server
    does."""
    command = commands.parse(words)
    if command.reach is Reach.HERE:
        raise UsageError(
            f"/{command.name} cannot be scheduled: the bot itself answers it. Only commands that "
            "servers run can be scheduled."
        )
    return command


def pause_all_of(schedules: Sequence[Schedule], now: datetime) -> list[Change]:
    """Return the changes that pause `schedules`, whose owner has left the chat. Each channel gets
    one notice."""
    changes = []
    told: set[str] = set()
    for schedule in schedules:
        person = schedule.owner.label
        there = [one.short for one in schedules if one.place.channel == schedule.place.channel]
        after = pause(schedule, f"{person} is no longer in the chat")
        notice = ""
        if schedule.place.channel not in told:
            told.add(schedule.place.channel)
            notice = (
                f"{person} is no longer in the chat, so these schedules of theirs are paused: "
                f"{', '.join(there)}. Anyone who may run their commands can resume them."
            )
        changes.append(build_change(Decision(after, notice=notice, good=False), now, None))
    return changes
