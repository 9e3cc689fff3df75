"""`/schedule`: have a command asked by itself, and see and change what is scheduled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from baton.consumer import Extension
from baton.errors import UsageError
from baton.messages import new_id
from baton.outcome import Answer
from baton.text.calendar import UnknownZone
from baton.text.words import did_you_mean, joined
from bot.asking import Ask
from bot.authorizer import Reader
from bot.dispatch.reply import Reply
from bot.firing import fired, jobs_of, named, profile_of, schedulable
from bot.house import HOUSE as OTHERS
from bot.house import HouseCommand
from bot.policy import Asked, Kept, Refusal, asked_by
from bot.schedules.change import Change
from bot.schedules.decisions import paused, planned, resumed
from bot.schedules.hints import instead
from bot.schedules.parser import Reading, begins, readings
from bot.schedules.scanner import unreadable
from bot.schedules.schedule import Firing, Schedule
from bot.schedules.times import upcoming

if TYPE_CHECKING:
    from bot.desk import Desk, Groups

SHOWN = 3
"""How many of the next times are shown."""
TRIES = 5
"""How often a change is tried again that met a firing."""


class ScheduleCommand(HouseCommand):
    """Run a command on a schedule, or once later: first the command, then when.

    Times: every 5m, every 2 hours, at 09:00, weekdays at 9am, mon,thu at 18:30,
    on 2027-01-05 at 07:00, in 20m, cron 0 9 * * 1-5. They go by your own time zone unless one is
    named after the time, such as Europe/Kyiv. After that may stand:

      quiet                       show results only when they change
      overlap skip|queue|allow    when the run before has not ended (skip)
      catch-up 1h                 run once what was missed for less than that (10m)
      jitter 30s                  run up to that much later, so that not all is run at once
      pause-after 3               pause after so many failures in a row
      until 2027-01-05, 10 times  when it ends

    And of what is scheduled: list [CHANNEL|all], show ID, history ID, run ID (now),
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
        """A command, then when."""
        return "/schedule COMMAND WHEN | list | show|history|run|pause|resume|remove ID"

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve."""
        visit = _Visit(desk, ask, groups)
        word = self.words[0].lower() if self.words else ""
        action = _ACTIONS.get(word)
        if action is not None and not (word in desk.commands and any(map(begins, self.words[1:]))):
            return await action(visit, self.words[1:])
        try:
            return await _new(visit, self.words)
        except UsageError as error:
            if meant := instead(self.words):
                raise UsageError(
                    error.problem, f"Write the time as: {meant}", error.field
                ) from None
            raise


HOUSE = (*OTHERS, Extension(ScheduleCommand))


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody who asks about schedules."""

    desk: Desk
    ask: Ask
    groups: Groups

    async def found(self, words: Sequence[str], what: str) -> Schedule:
        """The schedule that is named first. Raises UsageError."""
        if not words:
            raise UsageError(f"Which schedule? /schedule {what} ID; /schedule list shows the ids.")
        schedule = await self.desk.store.schedules.find(words[0])
        if schedule is None:
            problem = f"There is no schedule {words[0]}, or more than one: /schedule list."
            raise UsageError(problem)
        return schedule

    def kept(self, schedule: Schedule) -> Kept:
        """`schedule`, as somebody may want to read it."""
        environments = {seen.facts.environment for seen in self.desk.roster.servers()}
        try:
            asked = asked_by(schedulable(self.desk, schedule.words), environments)
        except UsageError:  # of an older command: as whatever may be anywhere
            asked = tuple(Asked("schedule", each) for each in sorted(self.desk.environments()))
        return Kept(asked, schedule.owner, schedule.place)

    async def readable(self, words: Sequence[str], what: str) -> tuple[Schedule, Reply | None]:
        """The schedule that is named first, and why they may not read it. Raises UsageError."""
        schedule = await self.found(words, what)
        hidden = await self.desk.rights.hidden(
            self.kept(schedule), "schedule", self.ask.asker, self.ask.place, self.groups
        )
        if hidden is None:
            await self.desk.audit(self.ask, "answered")
            return schedule, None
        await self.desk.audit(self.ask, hidden.verdict, hidden.text)
        return schedule, Reply(hidden.text, ok=False)

    async def refusal(self, schedule: Schedule) -> Refusal | None:
        """Why the one who asks may not change `schedule`: its owner may, and who may ask for what
        it asks."""
        if self.ask.asker.id == schedule.owner.id:
            return None
        command = schedulable(self.desk, schedule.words)
        environments = [seen.facts.environment for seen in self.desk.roster.servers()]
        asked = asked_by(command, set(environments))
        return await self.desk.refusal(asked, self.ask.asker, self.groups)

    async def change(
        self,
        words: Sequence[str],
        what: str,
        turn: Callable[[Schedule, datetime], Schedule],
    ) -> tuple[Schedule | None, Reply]:
        """Change the schedule that is named, if they may. Raises UsageError."""
        for _ in range(TRIES):
            schedule = await self.found(words, what)
            refusal = await self.refusal(schedule)
            if refusal is not None:
                await self.desk.audit(self.ask, refusal.verdict, refusal.text)
                return None, Reply(refusal.text, ok=False)
            after = turn(schedule, await self.desk.store.schedules.now())
            change = Change(after, audit=(self.desk.entry(self.ask, "allowed"),))
            (done,) = await self.desk.store.schedules.commit([change])
            if done:
                self.desk.rescheduled()
                return after, Reply()
        return None, Reply("It is being fired again and again just now: ask once more.", ok=False)


async def _new(visit: _Visit, words: Sequence[str]) -> Reply:
    desk, ask = visit.desk, visit.ask
    zone = (await profile_of(desk, ask.place.front, ask.asker.id)).zone
    now = await desk.store.schedules.now()
    reading = _read(desk, words, now, zone or "UTC")
    command = schedulable(desk, joined(reading.command))
    _, where, refusal = await desk.weighed(command, ask, visit.groups)
    if refusal is not None:
        await desk.audit(ask, refusal.verdict, refusal.text)
        return Reply(refusal.text, ok=False)
    schedule = planned(
        Schedule(
            id=new_id(),
            key=ask.key,
            words=command.title(),
            timing=reading.timing,
            owner=ask.asker,
            place=replace(ask.place, thread=""),
            created=now.replace(microsecond=0),
        ),
        now,
    )
    if schedule.nominal is None:
        raise unreadable("That time never comes.")
    entry = desk.entry(ask, "allowed", environment=where)
    kept = await desk.store.schedules.add(schedule, entry)
    desk.rescheduled()
    text = f"Schedule {kept.short}: {kept.title}.\n{_next(kept, now)}"
    if not zone and kept.timing.when.zone == "UTC":
        text += "\nYour time zone is not known, so these are UTC: name one after the time."
    return Reply(text)


def _read(desk: Desk, words: Sequence[str], now: datetime, zone: str) -> Reading:
    """The way to read `words` in which both the command and the time are right.

    Raises UsageError: of several faults the first.
    """
    if not words or begins(words[0]):
        raise unreadable("First the command, then when: /schedule ping prod every 5m.")
    fault: UsageError | None = None
    for reading in readings(words, now, zone):
        if isinstance(reading, UsageError):
            fault = fault or reading
            continue
        try:
            desk.commands.parse(joined(reading.command))
        except UsageError as error:
            fault = fault or error
        else:
            return reading
    hint = "" if words[0] in desk.commands else did_you_mean(words[0], [*_ACTIONS, *desk.commands])
    raise fault or unreadable(f"There is no time in it: say when, after the command.{hint}")


async def _list(visit: _Visit, words: Sequence[str]) -> Reply:
    place = visit.ask.place
    name = words[0].lstrip("#") if words else ""
    found = await visit.desk.store.schedules.listed(place.front, "" if name else place.channel)
    if name and name.lower() != "all":
        found = [one for one in found if name in (one.place.channel, one.place.name)]
    await visit.desk.audit(visit.ask, "answered")
    reader = Reader(visit.desk.rights, "schedule", visit.ask.asker, place, visit.groups)
    found = [one for one in found if await reader.reads(visit.kept(one))]
    left = reader.left("schedule")
    where = f"in #{name}" if name else "here"
    if name.lower() == "all":
        where = "in all channels"
    if not found:
        return Reply(f"Nothing is scheduled {where}{left}. Such as /schedule ping prod every 5m.")
    rows = tuple(
        (
            one.short,
            one.title,
            named(one.owner),
            one.place.name or one.place.channel,
            one.local(one.nominal) if one.nominal and one.status == "active" else one.status,
            one.outcome,
        )
        for one in found
    )
    columns = ("id", "what and when", "who", "where", "next", "the last")
    return Reply(answer=Answer(f"{len(rows)} scheduled {where}{left}", columns, rows))


async def _show(visit: _Visit, words: Sequence[str]) -> Reply:
    schedule, refused = await visit.readable(words, "show")
    if refused is not None:
        return refused
    now = await visit.desk.store.schedules.now()
    lines = [
        f"Schedule {schedule.short}: {schedule.title}",
        f"of {named(schedule.owner)}, in {schedule.place.name or schedule.place.channel}, "
        f"since {schedule.local(schedule.created)}; {schedule.runs} runs",
    ]
    if schedule.status != "active":
        lines.append(f"It is {schedule.status}: {schedule.note}")
    else:
        lines.append(_next(schedule, now))
    if schedule.outcome:
        lines.append(f"The last: {schedule.outcome}")
    return Reply("\n".join(lines))


async def _history(visit: _Visit, words: Sequence[str]) -> Reply:
    schedule, refused = await visit.readable(words, "history")
    if refused is not None:
        return refused
    past = await visit.desk.store.schedules.history(schedule.id)
    if not past:
        return Reply(f"Schedule {schedule.short} ({schedule.title}) has not fired yet.")
    rows = tuple(_past_row(schedule, firing) for firing in past)
    columns = ("when", "what became of it", "job", "why")
    return Reply(answer=Answer(f"{schedule.short}: {schedule.title}", columns, rows))


def _past_row(schedule: Schedule, firing: Firing) -> tuple[str, ...]:
    verdict = f"{firing.verdict} x {firing.count}" if firing.count > 1 else str(firing.verdict)
    if firing.verdict == "started":
        verdict = firing.outcome or "under way"
    why = firing.reason or (f"run by {firing.by}" if firing.by else "")
    return (schedule.local(firing.nominal), verdict, firing.job[:6], why)


async def _run(visit: _Visit, words: Sequence[str]) -> Reply:
    desk, ask = visit.desk, visit.ask
    for _ in range(TRIES):
        schedule = await visit.found(words, "run")
        key = f"schedule/{schedule.id}/run/{ask.key}"
        # looked for once the schedule is read: what is begun after that changes its revision
        had = await desk.store.ledger.asked_by(key)
        if had is not None:
            return Reply(job=had.id)
        running = await desk.store.schedules.running(schedule.id)
        if running and schedule.timing.rules.overlap != "allow":
            return Reply(f"Its run before ({running[:6]}) has not ended.", ok=False)
        now = await desk.store.schedules.now()
        by, groups = ask.asker, visit.groups
        made = await fired(desk, schedule, now, now, asker=by, groups=groups, key=key)
        if made.reply:
            # nothing of the schedule is changed by who may not run it
            await desk.audit(ask, made.change.audit[0].verdict, made.reply)
            return Reply(made.reply, ok=False)
        (done,) = await desk.store.schedules.commit([made.change])
        if done:
            begun = made.change.asks[0][0].job
            # under the key of what was typed, so that the same message does not run it again
            await desk.audit(ask, "allowed", job=begun)
            for job in jobs_of(made.change):
                desk.has_news(job)
            return Reply(job=begun.id)
    return Reply("It is being fired just now: ask once more.", ok=False)


async def _pause(visit: _Visit, words: Sequence[str]) -> Reply:
    rest = list(words[1:])
    if rest and rest[0].lower() in ("because", "as", "for"):
        del rest[0]
    who = named(visit.ask.asker)
    note = f"{who}: {' '.join(rest)}" if rest else f"by {who}"

    def turn(schedule: Schedule, _now: datetime) -> Schedule:
        if schedule.status != "active":
            raise UsageError(f"Schedule {schedule.short} is {schedule.status} already.")
        return paused(schedule, note)

    after, reply = await visit.change(words, "pause", turn)
    if after is None:
        return reply
    return Reply(f"Paused: {after.title}. /schedule resume {after.short} lets it go on.")


async def _resume(visit: _Visit, words: Sequence[str]) -> Reply:
    def turn(schedule: Schedule, now: datetime) -> Schedule:
        if schedule.status != "paused":
            raise UsageError(f"Schedule {schedule.short} is {schedule.status}, not paused.")
        try:
            return resumed(schedule, now)
        except UnknownZone:
            zone = schedule.timing.when.zone
            raise UsageError(
                f"The time zone {zone} is unknown on the bot's machine: install its package "
                "tzdata, or make the schedule anew in another zone."
            ) from None

    after, reply = await visit.change(words, "resume", turn)
    if after is None:
        return reply
    now = await visit.desk.store.schedules.now()
    return Reply(f"It goes on: {after.title}.\n{_next(after, now)}")


async def _remove(visit: _Visit, words: Sequence[str]) -> Reply:
    def turn(schedule: Schedule, _now: datetime) -> Schedule:
        note = f"by {named(visit.ask.asker)}"
        return replace(paused(schedule, note), status="removed")

    after, reply = await visit.change(words, "remove", turn)
    return Reply(f"Removed: {after.title}.") if after else reply


def _next(schedule: Schedule, now: datetime) -> str:
    """`Next: Tue 2026-11-24 09:00, ...`, on the schedule's clocks."""
    if schedule.nominal is None:
        return "No time is left."
    zone = schedule.zone
    times = [schedule.nominal]
    times += islice(upcoming(schedule.timing.when, schedule.nominal, schedule.created), SHOWN - 1)
    rules = schedule.timing.rules
    if rules.until is not None:
        times = [at for at in times if at.astimezone(zone).replace(tzinfo=None) <= rules.until]
    if rules.times is not None:
        times = times[: rules.times - schedule.runs]
    if not times:
        return "No time is left."
    shown = [f"{at.astimezone(zone):%a} {schedule.local(at)}" for at in times]
    return f"Next: {', '.join(shown)} ({zone.key})"


_ACTIONS: dict[str, Callable[[_Visit, Sequence[str]], Awaitable[Reply]]] = {
    "list": _list,
    "show": _show,
    "history": _history,
    "run": _run,
    "pause": _pause,
    "resume": _resume,
    "remove": _remove,
}
