"""Describes schedules to people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from baton.outcome import Answer
from bot.jobs import short_id
from bot.schedules.schedule import Firing, Schedule

NEXT_SHOWN = 3
"""How many of the next times are shown."""


def next_times(schedule: Schedule, now: datetime) -> str:
    """Return `Next: Tue 2026-11-24 09:00, ...`, on the schedule's clocks."""
    zone, times = schedule.zone, schedule.next_times(NEXT_SHOWN)
    if not times:
        return "It will not run again."
    shown = [f"{at.astimezone(zone):%a} {schedule.local(at)}" for at in times]
    return f"Next: {', '.join(shown)} ({zone.key})"


def summary(schedule: Schedule, now: datetime) -> str:
    """Return what there is to say of one schedule, a line each."""
    lines = [
        f"Schedule {schedule.short}: {schedule.title}",
        f"by {schedule.owner.label}, in {schedule.place.name or schedule.place.channel}, "
        f"since {schedule.local(schedule.created)}; {schedule.runs} runs",
    ]
    if schedule.status != "active":
        lines.append(f"Status: {schedule.status} ({schedule.note})")
    else:
        lines.append(next_times(schedule, now))
    if schedule.outcome:
        lines.append(f"Last run: {schedule.outcome}")
    return "\n".join(lines)


def listing(schedules: Sequence[Schedule], where: str, left: str) -> Answer:
    """Return a table of these schedules; `left` says which are left out."""
    rows = tuple(
        (
            one.short,
            one.title,
            one.owner.label,
            one.place.name or one.place.channel,
            one.local(one.nominal) if one.nominal and one.status == "active" else one.status,
            one.outcome,
        )
        for one in schedules
    )
    columns = ("id", "command and time", "by", "channel", "next", "last result")
    count = "1 schedule" if len(rows) == 1 else f"{len(rows)} schedules"
    return Answer(f"{count} {where}{left}", columns, rows)


def history(schedule: Schedule, past: Sequence[Firing]) -> Answer:
    """Return a table of the firings of `schedule`."""
    rows = tuple(_past_row(schedule, firing) for firing in past)
    columns = ("when", "result", "job", "reason")
    return Answer(f"{schedule.short}: {schedule.title}", columns, rows)


def _past_row(schedule: Schedule, firing: Firing) -> tuple[str, ...]:
    verdict = f"{firing.verdict} x {firing.count}" if firing.count > 1 else str(firing.verdict)
    if firing.verdict == "started":
        verdict = firing.outcome or "running"
    why = firing.reason or (f"run by {firing.by}" if firing.by else "")
    return (schedule.local(firing.nominal), verdict, short_id(firing.job), why)
