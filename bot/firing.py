"""Step 1 of the path (asking), by a schedule: a time that has come becomes a job, if its owner may
still ask for it at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from baton.command import Command, Reach
from baton.errors import BatonError, UsageError
from baton.messages import Person
from bot.asking import Ask
from bot.desk import Desk, Groups
from bot.house import HouseCommand
from bot.jobs import AuditEntry, Job, NewJob
from bot.people import Profile
from bot.schedules.change import Change
from bot.schedules.decisions import Step, begun, not_begun, paused
from bot.schedules.posts import day_job, day_of, notice_job
from bot.schedules.schedule import Schedule, Verdict

log = structlog.get_logger(__name__)

UNKNOWN = Profile()


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing, ready to be written. `reply` is for who ran it by hand."""

    change: Change
    step: Step
    reply: str = ""

    @property
    def jobs(self) -> list[str]:
        """The jobs that have news once it is written."""
        return jobs_of(self.change)


def jobs_of(change: Change) -> list[str]:
    """The jobs that have news once `change` is made."""
    asked = [new.job.id for new, _ in change.asks]
    return [*asked, *(post.id for post in change.posts), *filter(None, [change.reveal])]


async def fired(
    desk: Desk,
    schedule: Schedule,
    nominal: datetime,
    now: datetime,
    *,
    asker: Person | None = None,
    groups: Groups | None = None,
    key: str = "",
) -> Fired:
    """The firing of `nominal`, at `now`: what is to be written of it.

    It is asked by its owner, or by `asker`, who runs it by hand, and whose job has this `key`.
    """
    person = asker or schedule.owner
    key = key or f"schedule/{schedule.id}/{nominal.isoformat()}"
    ask = Ask(schedule.words, person, schedule.place, key, desk.now())
    by = named(person) if asker else ""
    try:
        command = schedulable(desk, schedule.words)
        new, where, refusal = await desk.weighed(command, ask, groups or groups_of(desk, schedule))
    except UsageError as error:
        step = not_begun(schedule, nominal, "failed", error.problem, now)
        entry = desk.entry(ask, "unusable", error.problem)
        return Fired(changed(step, now, nominal, audit=(entry,)), step, error.problem)
    if refusal is not None:
        verdict: Verdict = "refused" if refusal.verdict == "refused" else "failed"
        step = not_begun(schedule, nominal, verdict, refusal.text, now)
        entry = desk.entry(ask, refusal.verdict, refusal.text, environment=where)
        return Fired(changed(step, now, nominal, audit=(entry,)), step, refusal.text)
    assert new is not None
    quiet = schedule.timing.rules.quiet and asker is None
    new = replace(new, job=replace(new.job, under=day_of(schedule, nominal), hidden=quiet))
    step = begun(schedule, nominal, new.job.id, now, by)
    entry = desk.entry(ask, "allowed", job=new.job.id, environment=new.job.environment)
    return Fired(changed(step, now, nominal, ask=(new, entry), shown=not quiet), step)


def changed(
    step: Step,
    now: datetime,
    nominal: datetime | None,
    *,
    ask: tuple[NewJob, AuditEntry] | None = None,
    audit: tuple[AuditEntry, ...] = (),
    shown: bool = True,
) -> Change:
    """What is written of `step`, with the post of the day of `nominal` and the notice, if there is
    something to say."""
    schedule = step.schedule
    posts: list[Job] = []
    if nominal is not None and shown:
        posts.append(day_job(schedule, nominal, now))
    if step.notice:
        mark = f"{schedule.revision}/{now.isoformat()}"
        posts.append(notice_job(schedule, step.notice, step.good, mark, now))
    return Change(schedule, step.firings, (ask,) if ask else (), audit=audit, posts=tuple(posts))


def schedulable(desk: Desk, words: str) -> Command:
    """The command that `words` ask for. Raises UsageError, also for one that no server does."""
    command = desk.commands.parse(words)
    if isinstance(command, HouseCommand) or command.reach is Reach.HERE:
        raise UsageError(
            f"/{command.name} is answered by the bot itself: only what servers do has a schedule."
        )
    return command


def groups_of(desk: Desk, schedule: Schedule) -> Groups:
    """Looks up the groups of the owner of `schedule`."""
    directory = desk.people.get(schedule.place.front)

    async def look_up() -> frozenset[str]:
        return await directory.groups_of(schedule.owner.id) if directory else frozenset()

    return look_up


async def profile_of(desk: Desk, front: str, person: str, unknown: Profile = UNKNOWN) -> Profile:
    """Who `person` is, as far as their chat tells; `unknown` if it does not."""
    directory = desk.people.get(front)
    if directory is None:
        return unknown
    try:
        return await directory.profile(person)
    except BatonError as error:
        log.warning("somebody is not known", person=person, reason=str(error))
        return unknown


def named(person: Person) -> str:
    """What `person` is called."""
    return person.name or person.id


def left_behind(schedules: Sequence[Schedule], now: datetime) -> list[Change]:
    """The schedules of somebody who is gone, paused; each channel is told once."""
    changes = []
    told: set[str] = set()
    for schedule in schedules:
        person = named(schedule.owner)
        there = [one.short for one in schedules if one.place.channel == schedule.place.channel]
        after = paused(schedule, f"{person} is no longer here")
        notice = ""
        if schedule.place.channel not in told:
            told.add(schedule.place.channel)
            notice = (
                f"{person} is no longer here, so what they scheduled is paused: "
                f"{', '.join(there)}. Whoever may ask for it may resume it."
            )
        changes.append(changed(Step(after, notice=notice, good=False), now, None))
    return changes
