"""What is to be shown of schedules is read from the database, and marked once it is shown."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.posts.schedule_posts import SchedulePosts
from bot.schedules.posts import render
from bot.store import Store
from bot.store.jobs import schedule_post_rows
from tests.bot.store.jobs.test_schedule_post_rows import NOTICE


async def test_a_notice_is_read_until_it_is_reported(store: Store) -> None:
    """It is shown as it is, to the one who owns the schedule, and then nothing more of it."""

    def work(connection: Connection) -> None:
        schedule_post_rows.show(connection, [NOTICE])

    await store._database.write(work)
    source = SchedulePosts(store.schedules)
    assert await source.unreported() == {NOTICE.id: 0}
    (desired,) = await source.read([NOTICE.id, "another"])
    assert (desired.subject, desired.revision) == (NOTICE.subject, 0)
    assert desired.subject.asker == "U_ANN"
    assert await desired.render() == (render(NOTICE),)
    assert await source.mark_reported([desired]) == {NOTICE.id}
    assert (await source.unreported(), await source.read([NOTICE.id])) == ({}, [])
