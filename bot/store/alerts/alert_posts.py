"""Rows of posts about alerts: what is to be shown, and what is shown already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, select, update

from alerts.changes import dump
from alerts.notify.notification import Notification
from bot.store.alerts.engine_rows import readable
from bot.store.database.sql import upsert
from bot.store.tables.alert_tables import alert_posts
from bot.store.tables.post_table import posts

_MARK_REPORTED = (
    update(alert_posts)
    .where(
        alert_posts.c.key == bindparam("of_key"), alert_posts.c.revision == bindparam("of_revision")
    )
    .values(told=True, shown=bindparam("of_revision"))
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Since when a post is not up to date, and how many updates that is."""

    since: datetime
    updates: int


@dataclass(frozen=True, slots=True)
class AlertThread:
    """A post about alerts and all that stands under it, in the order in which they were submitted.
    `since` is when the first one was; `revisions`, by key, are those that were read, and `waits`
    those that are not shown yet."""

    subject: str
    since: datetime
    notifications: tuple[Notification, ...]
    revisions: Mapping[str, int]
    waits: Mapping[str, Wait]


def submit(connection: Connection, wanted: Iterable[Notification], at: datetime) -> None:
    """Have these notifications shown, as they are at `at`."""
    rows = [
        {
            "key": one.key,
            "subject": one.parent or one.key,
            "at": at,
            "data": dump(one),
            "revision": 1,
            "told": False,
            "wanted": at,
            "shown": 0,
        }
        for one in wanted
    ]
    if not rows:
        return
    insert = upsert(connection, alert_posts)
    again = {
        "data": insert.excluded.data,
        "revision": alert_posts.c.revision + 1,
        "told": insert.excluded.told,
        "wanted": case((alert_posts.c.told, insert.excluded.wanted), else_=alert_posts.c.wanted),
    }
    # a post that stays as it was is no update
    statement = insert.on_conflict_do_update(
        index_elements=[alert_posts.c.key],
        set_=again,
        where=alert_posts.c.data != insert.excluded.data,
    )
    connection.execute(statement, rows)


def unreported(connection: Connection) -> list[AlertThread]:
    """Return what is not shown yet as it is, the oldest first, with all that stands beside it."""
    news = select(alert_posts.c.subject).where(~alert_posts.c.told)
    return _read(connection, alert_posts.c.subject.in_(news))


def threads(connection: Connection, subjects: Sequence[str]) -> list[AlertThread]:
    """Return those of the posts with these keys that exist, with all that stands beside them."""
    return _read(connection, alert_posts.c.subject.in_(subjects))


def _read(connection: Connection, which: ColumnElement[bool]) -> list[AlertThread]:
    statement = select(alert_posts).where(which)
    # replies come after the post under which they stand
    apart = alert_posts.c.key != alert_posts.c.subject
    by_subject: dict[str, list[Any]] = {}
    for row in connection.execute(statement.order_by(alert_posts.c.at, apart, alert_posts.c.key)):
        by_subject.setdefault(row.subject, []).append(row)
    found = []
    for subject, rows in by_subject.items():
        read = tuple(readable(Notification, ((row.key, row.data) for row in rows)))
        known = {one.key for one in read}
        kept = [row for row in rows if row.key in known]
        if kept:
            waits = {
                row.key: Wait(row.wanted, row.revision - row.shown) for row in kept if not row.told
            }
            revisions = {row.key: row.revision for row in kept}
            found.append(AlertThread(subject, rows[0].at, read, revisions, waits))
    return found


def mark_reported(connection: Connection, revisions: Mapping[str, int]) -> None:
    """Record that these posts are shown, as they were at that revision."""
    rows = [{"of_key": key, "of_revision": number} for key, number in revisions.items()]
    connection.execute(_MARK_REPORTED, rows)


def prune(connection: Connection, before: datetime) -> None:
    """Remove posts from before then that are shown as they are; the board stays."""
    old = (alert_posts.c.at < before, alert_posts.c.told, ~alert_posts.c.key.like("board/%"))
    keys = select(alert_posts.c.key).where(*old)
    connection.execute(delete(posts).where(posts.c.key.in_(keys)))
    connection.execute(delete(alert_posts).where(*old))


def groups_with_posts(connection: Connection) -> set[str]:
    """Return the keys of the groups that have posts."""
    subjects = connection.execute(select(alert_posts.c.subject)).scalars()
    return {subject.split("/")[1] for subject in subjects if subject.count("/") > 1}
