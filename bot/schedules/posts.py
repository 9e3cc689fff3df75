"""What is said in channels beside the jobs: of a schedule one post a day, with the results in its
thread, and notices, of schedules, locks, broken freezes and the audit log. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from baton.bus.messages import Person, State
from bot.content import ASK, Button, JobContent, NoticeContent, Post
from bot.jobs import Place, Subject, short_id
from bot.schedules.schedule import Schedule

_COUNTED = ("succeeded", "unsuccessful", "failed", "refused", "missed", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A post about something of `owner`, which is called `title`. `since` is when it was made,
    `reported` whether the chat shows it as it is, and `revision` counts its changes."""

    id: str
    place: Place
    owner: Person
    title: str
    since: datetime
    reported: bool = False
    revision: int = 0

    @property
    def subject(self) -> Subject:
        """The subject of its post."""
        return Subject(self.id, self.place, self.since.timestamp(), self.owner.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDay(_Shown):
    """The results of the schedule with the id `schedule` on `day` (YYYY-MM-DD), until now."""

    schedule: str
    day: str
    counts: str
    outcome: str
    status: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNotice(_Shown):
    """A message in a channel that nothing changes afterwards."""

    text: str
    state: State


SchedulePost = ScheduleDay | ChannelNotice


def day_of(schedule: Schedule, nominal: datetime) -> str:
    """Return the id of the post in whose thread the result of `nominal` is shown."""
    return _id(f"{schedule.id}/{_day(schedule, nominal)}")


def day_post(schedule: Schedule, nominal: datetime, now: datetime) -> ScheduleDay:
    """Return the post of the day of `nominal`, as it is `now`."""
    counts = [f"{schedule.tally[name]} {name}" for name in _COUNTED if schedule.tally.get(name)]
    return ScheduleDay(
        id=day_of(schedule, nominal),
        place=schedule.place,
        owner=schedule.owner,
        title=schedule.title,
        since=now,
        schedule=schedule.id,
        day=_day(schedule, nominal),
        counts=", ".join(counts),
        outcome=schedule.outcome,
        status=schedule.status,
        note=schedule.note,
    )


def channel_notice(
    mark: str, place: Place, owner: Person, title: str, text: str, good: bool, now: datetime
) -> ChannelNotice:
    """Return a notice for the channel of `place`; the same `mark` is posted once."""
    return ChannelNotice(
        id=_id(mark),
        place=place,
        owner=owner,
        title=title,
        since=now,
        text=text,
        state=State.SUCCEEDED if good else State.FAILED,
    )


def notice_post(
    schedule: Schedule, text: str, good: bool, mark: str, now: datetime
) -> ChannelNotice:
    """Return a notice of `schedule`; the same `mark` of it is posted once."""
    its = f"{schedule.id}!{mark}"
    return channel_notice(its, schedule.place, schedule.owner, schedule.title, text, good, now)


def render(post: SchedulePost) -> Post:
    """Return the chat message for `post`."""
    if isinstance(post, ChannelNotice):
        return Post(post.id, NoticeContent(post.text, post.state), closing=True)
    bad = bool(post.outcome) and post.outcome != "succeeded"
    summary = f"{post.day}: {post.counts or 'no run has finished yet'}"
    if bad:
        summary += f"; last run: {post.outcome}"
    if post.status != "active":
        summary += f"; {post.status}: {post.note}"
    content = JobContent(
        title=post.title,
        asked_by=post.owner.id,
        summary=summary,
        state=State.FAILED if bad else State.SUCCEEDED,
        buttons=buttons(post.schedule, post.status),
        job=post.id,
        schedule=short_id(post.schedule),
    )
    return Post(post.id, content, closing=True)


def buttons(schedule: str, status: str) -> tuple[Button, ...]:
    """Return the buttons of the post of a schedule."""
    if status in ("ended", "removed"):
        return (Button(f"{ASK}.history", "History", f"schedule history {schedule}"),)
    paused = status == "paused"
    word = "resume" if paused else "pause"
    return (
        Button(f"{ASK}.run", "Run now", f"schedule run {schedule}"),
        Button(f"{ASK}.{word}", word.capitalize(), f"schedule {word} {schedule}"),
        Button(f"{ASK}.history", "History", f"schedule history {schedule}"),
        Button(
            f"{ASK}.remove",
            "Remove",
            f"schedule remove {schedule}",
            "Remove this schedule?",
            danger=True,
        ),
    )


def _day(schedule: Schedule, nominal: datetime) -> str:
    return f"{nominal.astimezone(schedule.zone):%Y-%m-%d}"


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
