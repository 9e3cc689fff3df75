"""What is shown of a schedule: a post a day that its results stand under, and notices. Pure.

Both are jobs without a run, so that they are said once by the means by which jobs are.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from baton.messages import State
from bot.content import ASK, Button, JobContent, NoticeContent, Post
from bot.jobs import Job
from bot.schedules.schedule import Schedule

DAY = "schedule.day"
NOTICE = "schedule.notice"

_COUNTED = ("succeeded", "unsuccessful", "failed", "refused", "missed", "skipped")


def day_of(schedule: Schedule, nominal: datetime) -> str:
    """The id of the post under which what becomes of `nominal` is shown."""
    day = f"{nominal.astimezone(schedule.zone):%Y-%m-%d}"
    return hashlib.sha256(f"{schedule.id}/{day}".encode()).hexdigest()[:16]


def day_job(schedule: Schedule, nominal: datetime, now: datetime) -> Job:
    """The post of the day of `nominal`."""
    name = day_of(schedule, nominal)
    day = f"{nominal.astimezone(schedule.zone):%Y-%m-%d}"
    arguments = {"day": day, **facts(schedule)}
    return _job(schedule, name, DAY, arguments, now)


def facts(schedule: Schedule) -> dict[str, str]:
    """What the post of a day shows of `schedule`."""
    counts = [f"{schedule.tally[name]} {name}" for name in _COUNTED if schedule.tally.get(name)]
    return {
        "schedule": schedule.id,
        "title": schedule.title,
        "counts": ", ".join(counts),
        "outcome": schedule.outcome,
        "status": schedule.status,
        "note": schedule.note,
    }


def notice_job(schedule: Schedule, text: str, good: bool, mark: str, now: datetime) -> Job:
    """Something said in the channel; the same `mark` is said once."""
    name = hashlib.sha256(f"{schedule.id}!{mark}".encode()).hexdigest()[:16]
    arguments = {"text": text, "state": (State.SUCCEEDED if good else State.FAILED).value}
    return _job(schedule, name, NOTICE, arguments, now)


def posts(job: Job) -> tuple[Post, ...]:
    """What `job` of ours shows."""
    said = {name: str(value) for name, value in job.arguments.items()}
    if job.command == NOTICE:
        return (Post(job.id, NoticeContent(said["text"], State(said["state"])), closing=True),)
    outcome = said["outcome"]
    state = State.FAILED if outcome and outcome != "succeeded" else State.SUCCEEDED
    summary = f"{said['day']}: {said['counts'] or 'no run has ended yet'}"
    if state is State.FAILED:
        summary += f"; the last: {outcome}"
    if said["status"] != "active":
        summary += f"; it is {said['status']}: {said['note']}"
    content = JobContent(
        title=job.title,
        asked_by=job.asked_by.id,
        summary=summary,
        state=state,
        buttons=buttons(said["schedule"], said["status"]),
        job=job.id,
        schedule=said["schedule"][:6],
    )
    return (Post(job.id, content, closing=True),)


def buttons(schedule: str, status: str) -> tuple[Button, ...]:
    """What can be pressed for a schedule."""
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


def _job(
    schedule: Schedule, name: str, command: str, arguments: dict[str, str], now: datetime
) -> Job:
    return Job(
        id=name,
        key=f"schedule/{name}",
        command=command,
        arguments=arguments,
        title=schedule.title,
        environment="",
        app=None,
        asked_by=schedule.owner,
        place=schedule.place,
        asked=now,
    )
