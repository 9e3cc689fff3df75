"""From the database to the posts: alerts are shown as jobs are, so they are said once."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from alerts.notify.notification import Notification
from bot.content import Post
from bot.jobs import Place, Subject
from bot.posts.queue import Delivery
from bot.store.alerts.alerts import Alerts, Thread, Wait
from bot.store.errors import DatabaseUnavailable
from bot.store.posts import Posts

log = structlog.get_logger(__name__)


class Showing:
    """Keeps the posts in the front end called `front` equal to what the database wants.

    Nothing is remembered here that the database does not hold.
    """

    def __init__(
        self, alerts: Alerts, posts: Posts, deliveries: Mapping[str, Delivery], front: str
    ) -> None:
        self._alerts = alerts
        self._posts = posts
        self._deliveries = deliveries
        self._front = front
        self._wanted: set[str] = set()

    def forget(self) -> None:
        """Another bot shows from now on."""
        self._wanted.clear()

    def wants(self, subject: str) -> bool:
        """Whether this is the subject of posts about alerts."""
        return subject in self._wanted

    async def show(self) -> bool:
        """Have everything shown that is not; whether there is a front end to show it in.

        Raises DatabaseUnavailable.
        """
        delivery = self._deliveries.get(self._front)
        if delivery is None:
            return False
        told: dict[str, int] = {}
        for thread in await self._alerts.untold():
            try:
                shown = await self._shown(thread, delivery)
            except DatabaseUnavailable:
                raise
            except Exception:
                # one post that cannot be shown keeps back no other
                log.exception("a post about alerts cannot be shown", post=thread.subject)
                continue
            if shown:
                told.update(thread.revisions)
                if all(one.closing or one.parent for one in thread.bulletins):
                    self._wanted.discard(thread.subject)
                    delivery.forget(thread.subject)
        await self._alerts.mark_told(told)
        return True

    async def _shown(self, thread: Thread, delivery: Delivery) -> bool:
        subject = thread.subject
        self._wanted.add(subject)
        rows = {}
        if not delivery.knows(subject):
            rows = {row.key: row for row in await self._posts.of_job(subject)}
        place = Place(self._front, thread.bulletins[0].channel)
        about = Subject(subject, place, thread.since.timestamp())
        posts = [_post(one, thread.waits.get(one.key)) for one in thread.bulletins]
        return delivery.want(about, posts, rows)


def _post(notification: Notification, wait: Wait | None) -> Post:
    return Post(
        notification.key,
        notification.content,
        notification.parent,
        notification.broadcast,
        notification.closing,
        notification.pinned,
        wanted=wait.since.timestamp() if wait else 0.0,
        updates=wait.updates if wait else 0,
    )
