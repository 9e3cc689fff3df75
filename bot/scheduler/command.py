"""`/schedule`: have a command asked by itself, and see and change what is scheduled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import new_id
from baton.command import Command, words_of
from baton.errors import UsageError
from baton.extensions import Commands
from baton.text.words import joined
from baton.timing.calendar import UnknownZone
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext, Invocation
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.people import Directories
from bot.dispatch.plan import Later, Times
from bot.dispatch.planner import Denied
from bot.dispatch.reply import Reply, ReplyKind, started
from bot.jobs import short_id
from bot.scheduler import describe
from bot.scheduler.access import ScheduleAccess
from bot.scheduler.firing import ScheduleFirer, jobs_of, parse_schedulable
from bot.schedules.change import Change
from bot.schedules.decisions import pause, plan_next, resume
from bot.schedules.hints import suggest_time
from bot.schedules.parser import Parse, Timing
from bot.schedules.reading import action_of, read_new
from bot.schedules.scanner import time_error
from bot.schedules.schedule import Schedule
from bot.store import Store

MAX_ATTEMPTS = 5
"""How often a change is tried again that met a firing."""


class ScheduleCommand(BuiltinCommand):
    """Run a command on a schedule, or once later: first the command, then when.

    Times: every 5m, every 2 hours, at 09:00, weekdays at 9am, mon,thu at 18:30,
    on 2027-01-05 at 07:00, in 20m, cron 0 9 * * 1-5. They are in your own time zone unless one
    is written after them, such as Europe/Kyiv. Options, after the time:

      quiet                       show results only when they change
      overlap skip|queue|allow    what to do if the previous run has not ended (default: skip)
      catch-up 1h                 run a missed time late, if it is not older than this
                                  (default: 10m)
      jitter 30s                  start at a random time up to 30s later, to spread the load
      pause-after 3               pause after so many failures in a row
      until 2027-01-05, 10 times  when it ends

    For existing schedules: list [CHANNEL|all], show ID, history ID, run ID (now),
    pause ID because ..., resume ID, remove ID.
    """

    name: ClassVar[str] = "schedule"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/schedule ping prod every 5m"
    words: tuple[str, ...] = Field(
        description="a command and a time, or list, show, pause, ...",
        examples=["ping", "list", "show", "history", "run", "pause", "resume", "remove"],
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: a command, then when."""
        return "/schedule COMMAND WHEN | list | show|history|run|pause|resume|remove ID"


class ScheduleHandler(Handler[ScheduleCommand]):
    """Answers /schedule. `schedules_changed` is called when schedules have changed, `job_changed`
    with the id of a job that has news."""

    def __init__(
        self,
        commands: Commands,
        store: Store,
        access: ScheduleAccess,
        gatekeeper: Gatekeeper,
        firer: ScheduleFirer,
        authorizer: Authorizer,
        audit: AuditLog,
        people: Directories,
        *,
        schedules_changed: Callable[[], None],
        job_changed: Callable[[str], None],
    ) -> None:
        self._commands = commands
        self._schedules = store.schedules
        self._ledger = store.ledger
        self._access = access
        self._gatekeeper = gatekeeper
        self._firer = firer
        self._authorizer = authorizer
        self._audit = audit
        self._people = people
        self._schedules_changed = schedules_changed
        self._job_changed = job_changed

    @override
    async def handle(self, command: ScheduleCommand, context: CommandContext) -> Reply:
        words = command.words
        action = self._action(words)
        if action is not None:
            return await action(self, context, words[1:])
        try:
            return await self._new(context, words)
        except UsageError as error:
            if meant := suggest_time(words):
                raise UsageError(
                    error.problem, f"Write the time as: {meant}", error.field
                ) from None
            raise

    @override
    async def plan(
        self, command: ScheduleCommand, context: CommandContext
    ) -> Later | Denied | None:
        """Return when a new schedule would run, and the job that it would start."""
        if self._action(command.words) is not None:
            return None
        now = await self._schedules.now()
        reading, zone = await self._reading(context, command.words, now)
        scheduled = parse_schedulable(self._commands, joined(reading.command))
        found = await self._gatekeeper.look(scheduled, context)
        if isinstance(found, Denied):
            return found
        schedule = _schedule(scheduled, reading.timing, context.invocation, now)
        times = tuple(schedule.next_times(describe.NEXT_SHOWN))
        return Later(found, Times(times, schedule.zone.key, assumed=_assumed(schedule, zone)))

    def _action(self, words: Sequence[str]) -> Action | None:
        """Return what the first of `words` does with a schedule; None if they are a new one."""
        return _ACTIONS.get(action_of(self._commands, words))

    async def _reading(
        self, context: CommandContext, words: Sequence[str], now: datetime
    ) -> tuple[Parse, str]:
        """Return how `words` are meant, and the time zone of whoever asks if it is known. Raises
        UsageError."""
        asked = context.invocation
        zone = (await self._people.profile(asked.place.directory, asked.asker.id)).zone
        return read_new(self._commands, words, now, zone or "UTC"), zone

    async def _new(self, context: CommandContext, words: Sequence[str]) -> Reply:
        asked = context.invocation
        now = await self._schedules.now()
        reading, zone = await self._reading(context, words, now)
        command = parse_schedulable(self._commands, joined(reading.command))
        found = await self._gatekeeper.look(command, context)
        if isinstance(found, Denied):
            return await self._audit.refuse(asked, found.refusal)
        schedule = _schedule(command, reading.timing, asked, now)
        entry = self._audit.entry(asked, "allowed", environment=found.new.job.environment)
        stored = await self._schedules.add(schedule, entry)
        self._schedules_changed()
        text = f"Schedule {stored.short}: {stored.title}.\n{describe.next_times(stored, now)}"
        if _assumed(stored, zone):
            text += (
                "\nYour time zone is not known, so these times are UTC. To use another, write it "
                "after the time."
            )
        return Reply(text)

    async def _list(self, context: CommandContext, words: Sequence[str]) -> Reply:
        place = context.invocation.place
        name = words[0].lstrip("#") if words else ""
        found = await self._schedules.in_channel(place.front, "" if name else place.channel)
        if name and name.lower() != "all":
            found = [one for one in found if name in (one.place.channel, one.place.name)]
        await self._audit.write(context.invocation, "answered")
        reader = self._authorizer.reader("schedule", context)
        found = [one for one in found if await reader.may_read(self._access.record(one))]
        left = reader.left_out_note("schedule")
        where = f"in #{name}" if name else "here"
        if name.lower() == "all":
            where = "in all channels"
        if not found:
            return Reply(
                f"Nothing is scheduled {where}{left}. Example: /schedule ping prod every 5m"
            )
        return Reply(answer=describe.listing(found, where, left))

    async def _show(self, context: CommandContext, words: Sequence[str]) -> Reply:
        schedule, refused = await self._access.find_readable(context, words, "show")
        if refused is not None:
            return refused
        return Reply(describe.summary(schedule, await self._schedules.now()))

    async def _history(self, context: CommandContext, words: Sequence[str]) -> Reply:
        schedule, refused = await self._access.find_readable(context, words, "history")
        if refused is not None:
            return refused
        past = await self._schedules.history(schedule.id)
        if not past:
            return Reply(f"Schedule {schedule.short} ({schedule.title}) has not run yet.")
        return Reply(answer=describe.history(schedule, past))

    async def _run(self, context: CommandContext, words: Sequence[str]) -> Reply:
        asked = context.invocation
        for _ in range(MAX_ATTEMPTS):
            schedule = await self._access.find(words, "run")
            key = f"schedule/{schedule.id}/run/{asked.key}"
            # what is begun after the schedule was read changes its revision. Whether this message
            # has begun it is looked for last: it may be what runs
            running = await self._schedules.running(schedule.id)
            had = await self._ledger.job_of_key(key)
            if had is not None:
                return started(had.id)
            if running and schedule.timing.rules.overlap != "allow":
                text = f"The previous run ({short_id(running)}) has not ended."
                return Reply(text, kind=ReplyKind.CONFLICT)
            now = await self._schedules.now()
            by, groups = asked.asker, context.groups
            made = await self._firer.fire(schedule, now, now, asker=by, groups=groups, key=key)
            if made.reply:
                # nothing of the schedule is changed by who may not run it
                verdict = made.change.audit[0].verdict
                await self._audit.write(asked, verdict, made.reply)
                return Reply(made.reply, kind=ReplyKind(verdict))
            (done,) = await self._schedules.commit([made.change])
            if done:
                begun = made.change.jobs[0][0].job
                # under the key of what was typed, so that the same message does not run it again
                await self._audit.write(asked, "allowed", job=begun)
                for job in jobs_of(made.change):
                    self._job_changed(job)
                return started(begun.id)
        text = "The schedule is starting now. Try again in a moment."
        return Reply(text, kind=ReplyKind.CONFLICT)

    async def _pause(self, context: CommandContext, words: Sequence[str]) -> Reply:
        rest = list(words[1:])
        if rest and rest[0].lower() in ("because", "as", "for"):
            del rest[0]
        who = context.invocation.asker.label
        note = f"{who}: {' '.join(rest)}" if rest else f"by {who}"

        def turn(schedule: Schedule, _now: datetime) -> Schedule:
            if schedule.status != "active":
                raise UsageError(f"Schedule {schedule.short} is already {schedule.status}.")
            return pause(schedule, note)

        after, reply = await self._change(context, words, "pause", turn)
        if after is None:
            return reply
        return Reply(f"Paused: {after.title}. To resume it: /schedule resume {after.short}")

    async def _resume(self, context: CommandContext, words: Sequence[str]) -> Reply:
        def turn(schedule: Schedule, now: datetime) -> Schedule:
            if schedule.status != "paused":
                raise UsageError(f"Schedule {schedule.short} is {schedule.status}, not paused.")
            try:
                return resume(schedule, now)
            except UnknownZone:
                zone = schedule.timing.when.zone
                raise UsageError(
                    f"The time zone {zone} is unknown on the bot's machine: install its package "
                    "tzdata, or create the schedule again in another zone."
                ) from None

        after, reply = await self._change(context, words, "resume", turn)
        if after is None:
            return reply
        now = await self._schedules.now()
        return Reply(f"Resumed: {after.title}.\n{describe.next_times(after, now)}")

    async def _remove(self, context: CommandContext, words: Sequence[str]) -> Reply:
        def turn(schedule: Schedule, _now: datetime) -> Schedule:
            note = f"by {context.invocation.asker.label}"
            return replace(pause(schedule, note), status="removed")

        after, reply = await self._change(context, words, "remove", turn)
        return Reply(f"Removed: {after.title}.") if after else reply

    async def _change(
        self,
        context: CommandContext,
        words: Sequence[str],
        what: str,
        turn: Callable[[Schedule, datetime], Schedule],
    ) -> tuple[Schedule | None, Reply]:
        """Change the schedule that is named, if they may. Raises UsageError."""
        asked = context.invocation
        for _ in range(MAX_ATTEMPTS):
            schedule = await self._access.find(words, what)
            refusal = await self._access.refusal(context, schedule)
            if refusal is not None:
                return None, await self._audit.refuse(asked, refusal)
            after = turn(schedule, await self._schedules.now())
            change = Change(after, audit=(self._audit.entry(asked, "allowed"),))
            (done,) = await self._schedules.commit([change])
            if done:
                self._schedules_changed()
                return after, Reply()
        text = "The schedule was not changed: it changed at the same time. Try again."
        return None, Reply(text, kind=ReplyKind.CONFLICT)


def _schedule(command: Command, timing: Timing, asked: Invocation, now: datetime) -> Schedule:
    """Return the schedule that is `asked` for. Raises UsageError if it never runs."""
    new = Schedule(
        id=new_id(),
        key=asked.key,
        words=words_of(command),
        timing=timing,
        owner=asked.asker,
        place=replace(asked.place, thread=""),
        created=now.replace(microsecond=0),
    )
    schedule = plan_next(new, now)
    if schedule.nominal is None:
        raise time_error("That time never comes.")
    return schedule


def _assumed(schedule: Schedule, zone: str) -> bool:
    """Return whether its times are UTC only because the `zone` of its owner is not known."""
    return not zone and schedule.timing.when.zone == "UTC"


Action = Callable[[ScheduleHandler, CommandContext, Sequence[str]], Awaitable[Reply]]
_ACTIONS: dict[str, Action] = {
    "list": ScheduleHandler._list,
    "show": ScheduleHandler._show,
    "history": ScheduleHandler._history,
    "run": ScheduleHandler._run,
    "pause": ScheduleHandler._pause,
    "resume": ScheduleHandler._resume,
    "remove": ScheduleHandler._remove,
}
