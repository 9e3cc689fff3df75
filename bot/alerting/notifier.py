"""The source of posts about alerts: what the engine decided is read from the database and posted as
jobs are, so that each alert is posted once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from typing_extensions import override

from alerts.notify.notification import Notification
from bot.content import Post
from bot.jobs import Place, Subject
from bot.posts.post_source import Desired, PostSource
from bot.store.alerts.alert_posts import AlertThread, Wait
from bot.store.alerts.alert_store import AlertStore


class AlertNotifier(PostSource):
    """Reads the posts about alerts, which are shown in the front end called `front`."""

    def __init__(self, alerts: AlertStore, front: str) -> None:
        self._alerts = alerts
        self._front = front

    @override
    async def unreported(self) -> Mapping[str, int]:
        threads = await self._alerts.unreported()
        return {thread.subject: sum(thread.revisions.values()) for thread in threads}

    @override
    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        return [self._desired(thread) for thread in await self._alerts.threads(subjects)]

    @override
    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        revisions = {key: at for one in shown for key, at in one.revisions.items()}
        await self._alerts.mark_reported(revisions)
        return [one.subject.id for one in shown if one.finished]

    def _desired(self, thread: AlertThread) -> Desired:
        place = Place(self._front, thread.notifications[0].channel)
        return Desired(
            Subject(thread.subject, place, thread.since.timestamp()),
            thread.revisions,
            partial(_render, thread),
            finished=all(one.closing or one.parent for one in thread.notifications),
        )


async def _render(thread: AlertThread) -> list[Post]:
    return [_post(one, thread.waits.get(one.key)) for one in thread.notifications]


def _post(notification: Notification, wait: Wait | None) -> Post:
    return Post(
        notification.key,
        notification.content,
        notification.parent,
        notification.broadcast,
        notification.closing,
        notification.pinned,
        desired_since=wait.since.timestamp() if wait else 0.0,
        updates=wait.updates if wait else 0,
    )
