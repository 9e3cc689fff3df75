"""Posts of schedules stand among the jobs, as versions before this one wrote them and read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update

from baton.bus.messages import State
from bot.schedules.posts import ChannelNotice, ScheduleDay
from bot.store import Store
from bot.store.jobs import schedule_post_rows
from bot.store.tables.job_tables import jobs
from tests.bot.build import ANN, OPS, T0
from tests.bot.store.build import asked, deploy

DAY = ScheduleDay(
    id="d" * 16,
    place=OPS,
    owner=ANN,
    title="hail prod",
    since=T0,
    schedule="s" * 16,
    day="2026-11-24",
    counts="3 succeeded",
    outcome="succeeded",
    status="active",
    note="",
)
NOTICE = ChannelNotice(
    id="n" * 16,
    place=OPS,
    owner=ANN,
    title="hail prod",
    since=T0,
    text="hail prod is paused.",
    state=State.FAILED,
)


async def show(store: Store, *posts: ScheduleDay | ChannelNotice) -> None:
    def work(connection: Connection) -> None:
        schedule_post_rows.show(connection, posts)

    await store._database.write(work)


async def rows(store: Store) -> dict[str, Any]:
    def work(connection: Connection) -> dict[str, Any]:
        return {row.command: row for row in connection.execute(select(jobs))}

    return await store._database.read(work)


async def test_their_rows_are_those_of_pseudo_commands(store: Store) -> None:
    """A bot of another version, which may take over at any time, reads the same rows."""
    await show(store, DAY, NOTICE)
    found = await rows(store)
    assert found.keys() == {"schedule.day", "schedule.notice"}
    day, notice = found["schedule.day"], found["schedule.notice"]
    assert list(day.arguments.items()) == [
        ("day", "2026-11-24"),
        ("schedule", "s" * 16),
        ("title", "hail prod"),
        ("counts", "3 succeeded"),
        ("outcome", "succeeded"),
        ("status", "active"),
        ("note", ""),
    ]
    assert notice.arguments == {"text": "hail prod is paused.", "state": "failed"}
    assert (day.key, notice.key) == (f"schedule/{DAY.id}", f"schedule/{NOTICE.id}")
    assert (day.closed, day.told, day.revision, day.person_id) == (T0, False, 0, "U_ANN")


async def test_they_are_read_as_what_they_are(store: Store) -> None:
    """By their ids, and not as jobs."""
    new = await asked(store, deploy("web-1"))
    await show(store, DAY, NOTICE)
    ids = [DAY.id, NOTICE.id, new.job.id]
    assert await store.schedules.posts(ids) == [DAY, NOTICE]
    assert (await store.ledger.jobs(ids)).keys() == {new.job.id}
    assert await store.ledger.job(DAY.id) is None


async def test_what_they_show_can_change(store: Store) -> None:
    """The same again is no change; what is new is to be posted, with the next revision."""
    await show(store, DAY)
    assert await store.schedules.unreported_posts() == {DAY.id: 0}
    assert await store.schedules.mark_posts_reported({DAY.id: 0}) == {DAY.id}
    await show(store, DAY)
    assert await store.schedules.unreported_posts() == {}
    await show(store, replace(DAY, counts="4 succeeded"))
    assert await store.schedules.unreported_posts() == {DAY.id: 1}
    assert await store.schedules.mark_posts_reported({DAY.id: 0}) == set()
    (found,) = await store.schedules.posts([DAY.id])
    assert isinstance(found, ScheduleDay)
    assert (found.counts, found.revision, found.reported) == ("4 succeeded", 1, False)


async def test_a_row_with_less_in_it_is_read_all_the_same(store: Store) -> None:
    """Whoever wrote it: the post is less, and keeps no other from being shown."""
    await show(store, DAY, NOTICE)

    def work(connection: Connection) -> None:
        connection.execute(update(jobs).values(arguments={"day": "2026-11-24"}))

    await store._database.write(work)
    day, notice = await store.schedules.posts([DAY.id, NOTICE.id])
    assert isinstance(day, ScheduleDay)
    assert (day.day, day.counts, day.status) == ("2026-11-24", "", "")
    assert isinstance(notice, ChannelNotice)
    assert (notice.text, notice.state) == ("", State.FAILED)
