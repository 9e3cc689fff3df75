"""The source of posts about schedules: one a day, with the results in its thread, and notices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from typing_extensions import override

from bot.content import Post
from bot.posts.post_source import Desired, PostSource
from bot.schedules.posts import SchedulePost, render
from bot.store.schedules.schedule_store import ScheduleStore


class SchedulePosts(PostSource):
    """Reads the posts about `schedules`."""

    def __init__(self, schedules: ScheduleStore) -> None:
        self._schedules = schedules

    @override
    async def unreported(self) -> Mapping[str, int]:
        return await self._schedules.unreported_posts()

    @override
    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        return [
            Desired(post.subject, {post.id: post.revision}, partial(_render, post))
            for post in await self._schedules.posts(subjects)
            if not post.reported
        ]

    @override
    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        revisions = {one.subject.id: one.revision for one in shown}
        return await self._schedules.mark_posts_reported(revisions)


async def _render(post: SchedulePost) -> tuple[Post, ...]:
    return (render(post),)
