"""Schedules and firings to rows, and back. Pure."""

from __future__ import annotations

from baton.bus.messages import Person
from bot.schedules.parser import Timing
from bot.schedules.recurrence import When
from bot.schedules.rules import Rules
from bot.schedules.schedule import Firing, Schedule
from bot.store.database.sql import AnyRow
from bot.store.jobs.job_rows import Values, place_of, place_row


def schedule_row(schedule: Schedule) -> Values:
    """Return the row of `schedule`."""
    timing = schedule.timing
    return {
        "id": schedule.id,
        "key": schedule.key,
        "words": schedule.words,
        "timing": {
            "when": timing.when.model_dump(mode="json"),
            "rules": timing.rules.model_dump(mode="json"),
        },
        "person_id": schedule.owner.id,
        "person_name": schedule.owner.name,
        "person_standing": schedule.owner.standing,
        **place_row(schedule.place),
        "created": schedule.created,
        "status": schedule.status,
        "note": schedule.note,
        "nominal": schedule.nominal,
        "due": schedule.due,
        "waiting": schedule.waiting,
        "runs": schedule.runs,
        "failures": schedule.failures,
        "outcome": schedule.outcome,
        "tally": schedule.tally,
        "day": schedule.day,
        "revision": schedule.revision,
    }


def schedule_of(row: AnyRow) -> Schedule:
    """Return the schedule in `row`."""
    timing = row.timing
    return Schedule(
        id=row.id,
        key=row.key,
        words=row.words,
        timing=Timing(When.model_validate(timing["when"]), Rules.model_validate(timing["rules"])),
        owner=Person(id=row.person_id, name=row.person_name, standing=row.person_standing),
        place=place_of(row),
        created=row.created,
        status=row.status,
        note=row.note,
        nominal=row.nominal,
        due=row.due,
        waiting=row.waiting,
        runs=row.runs,
        failures=row.failures,
        outcome=row.outcome,
        tally=row.tally,
        day=row.day,
        revision=row.revision,
    )


def firing_row(firing: Firing) -> Values:
    """Return the row of `firing`."""
    return {
        "schedule": firing.schedule,
        "nominal": firing.nominal,
        "at": firing.at,
        "verdict": firing.verdict,
        "reason": firing.reason,
        "job": firing.job,
        "count": firing.count,
        "until": firing.until,
        "outcome": firing.outcome,
        "ended": firing.ended,
        "person": firing.by,
    }


def firing_of(row: AnyRow) -> Firing:
    """Return the firing in `row`."""
    return Firing(
        schedule=row.schedule,
        nominal=row.nominal,
        at=row.at,
        verdict=row.verdict,
        reason=row.reason,
        job=row.job,
        # a row's own `count` is a method of tuples
        count=row._mapping["count"],
        until=row.until,
        outcome=row.outcome,
        ended=row.ended,
        by=row.person,
    )
