"""What is shown of schedules, as rows: they stand among the jobs, as jobs that ended at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from baton.bus.messages import State
from bot.jobs import Job, NewJob
from bot.schedules.posts import ChannelNotice, ScheduleDay, SchedulePost
from bot.store.database.sql import AnyRow, chunks, upsert
from bot.store.jobs.job_rows import Values, job_of, job_row
from bot.store.tables.job_tables import jobs

DAY, NOTICE = "schedule.day", "schedule.notice"
"""What stands in their rows where those of jobs have a command."""

OF_SCHEDULES: ColumnElement[bool] = jobs.c.command.in_((DAY, NOTICE))

_DAY = ("schedule", "day", "counts", "outcome", "status", "note")


def row_of(post: SchedulePost) -> Values:
    """The row of `post`."""
    arguments: dict[str, Any]
    if isinstance(post, ScheduleDay):
        command = DAY
        arguments = {
            "day": post.day,
            "schedule": post.schedule,
            "title": post.title,
            "counts": post.counts,
            "outcome": post.outcome,
            "status": post.status,
            "note": post.note,
        }
    else:
        command = NOTICE
        arguments = {"text": post.text, "state": post.state.value}
    job = Job(
        id=post.id,
        key=f"schedule/{post.id}",
        command=command,
        arguments=arguments,
        title=post.title,
        environment="",
        app=None,
        asked_by=post.owner,
        place=post.place,
        asked=post.since,
    )
    return job_row(NewJob(job, (), ()))


def post_of(row: AnyRow) -> SchedulePost:
    """The post in `row`. What is missing in it is empty."""
    job = job_of(row)
    said = {name: str(value) for name, value in job.arguments.items()}
    common: dict[str, Any] = {
        "id": job.id,
        "place": job.place,
        "owner": job.asked_by,
        "title": job.title,
        "since": job.asked,
        "reported": job.reported,
        "revision": job.revision,
    }
    if job.command == DAY:
        return ScheduleDay(**(common | {name: said.get(name, "") for name in _DAY}))
    good = said.get("state") == State.SUCCEEDED.value
    state = State.SUCCEEDED if good else State.FAILED
    return ChannelNotice(**common, text=said.get("text", ""), state=state)


def several(connection: Connection, names: Sequence[str]) -> list[SchedulePost]:
    """Those of the posts with these ids that there are."""
    found: list[SchedulePost] = []
    for some in chunks(names):
        statement = select(jobs).where(jobs.c.id.in_(some), OF_SCHEDULES)
        found += (post_of(row) for row in connection.execute(statement))
    return found


def unreported(connection: Connection) -> dict[str, int]:
    """The posts that may not be shown yet as they are, and their revisions."""
    statement = select(jobs.c.id, jobs.c.revision).where(~jobs.c.told, OF_SCHEDULES)
    return {row.id: row.revision for row in connection.execute(statement.order_by(jobs.c.asked))}


def show(connection: Connection, posts: Sequence[SchedulePost]) -> None:
    """Have `posts` shown. One that is there already shows what these say now."""
    rows = {post.id: row_of(post) for post in posts}
    for name in sorted(rows):
        statement = upsert(connection, jobs).values(**rows[name])
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[jobs.c.key],
                set_={
                    "arguments": statement.excluded.arguments,
                    "told": False,
                    "revision": jobs.c.revision + 1,
                },
                where=jobs.c.arguments != statement.excluded.arguments,
            )
        )
