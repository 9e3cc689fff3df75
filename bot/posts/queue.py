"""Step 5 of the path (store and post): the posts of a front end become what is desired.

A worker for each channel has the sender post what is pending there, one post at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from typing_extensions import override

from baton.bus.messages import now
from baton.timing.waiting import wait_at_most
from bot.content import FileContent, Post
from bot.fronts.protocol import Front
from bot.jobs import Subject
from bot.posts import delays
from bot.posts.next_post import next_post
from bot.posts.pending import PendingPost, PendingPosts
from bot.posts.post_source import PostSink
from bot.posts.rate_limits import RateLimits
from bot.posts.sender import CLAIM_TIMEOUT, SETTLE_TIME, FileText, PostSender, no_text
from bot.priority import ForegroundPriority
from bot.store import PostRow
from bot.store.post_store import PostStore

CLOSE_TIMEOUT = 3.0
"""Seconds that calls under way have when the bot stops: a post whose call was answered need not be
searched for."""
MAX_HOLD = 5.0
"""Seconds for which a new post waits for its end, at most: clocks may disagree."""


class PostQueue(PostSink):
    """Shows the posts of one front end, channel by channel, one call at a time in each.

    `on_up_to_date` is called with the id of a subject all of whose posts are as desired.
    `file_text` gives what a file is to hold. `claim` and `settle_time` are in seconds: see
    CLAIM_TIMEOUT and SETTLE_TIME.
    """

    def __init__(
        self,
        front: Front,
        posts: PostStore,
        on_up_to_date: Callable[[str], None],
        *,
        file_text: FileText = no_text,
        claim: float = CLAIM_TIMEOUT,
        settle_time: float = SETTLE_TIME,
        priority: ForegroundPriority | None = None,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._on_up_to_date = on_up_to_date
        self._priority = priority or ForegroundPriority()
        self._clock = clock
        self._monotonic = monotonic
        self._pending = PendingPosts(RateLimits.of(front.limits, monotonic()))
        self._sender = PostSender(
            front,
            posts,
            self._pending,
            file_text=file_text,
            claim=claim,
            settle_time=settle_time,
            clock=clock,
            monotonic=monotonic,
        )
        self._some: dict[str, asyncio.Event] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    @override
    def submit(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        its = self._pending.of_subject.setdefault(subject.id, {})
        for post in posts:
            if post.key in its:
                its[post.key].desire(post, self._monotonic())
            else:
                its[post.key] = self._new(subject, post, rows.get(post.key), its)
        channel = subject.place.channel
        waiting = self._pending.waiting.setdefault(channel, {})
        for key, one in its.items():
            if one.up_to_date:
                # it may have changed there and back before anybody came to show it
                waiting.pop(key, None)
            else:
                waiting[key] = one
        if waiting or channel in self._workers:
            self._work_on(channel)
        else:
            del self._pending.waiting[channel]
        return all(one.up_to_date for one in its.values())

    @override
    def knows(self, subject: str) -> bool:
        return subject in self._pending.of_subject

    @override
    def discard(self, subject: str) -> None:
        for key, one in self._pending.of_subject.pop(subject, {}).items():
            self._pending.refs.pop(key, None)
            channel = one.place.channel
            if self._pending.waiting.get(channel, {}).pop(key, None) is not None:
                self._some[channel].set()

    def waiting(self) -> int:
        """Return how many posts do not show yet what is desired."""
        return sum(len(some) for some in self._pending.waiting.values())

    def oldest_waiting(self) -> float:
        """Return for how many seconds the oldest post has been waiting."""
        waiting = self._pending.waiting.values()
        since = [one.waiting_since for some in waiting for one in some.values()]
        return self._monotonic() - min(since) if since else 0.0

    async def close(self) -> None:
        """Stop. Calls under way have CLOSE_TIMEOUT; the next bot posts what is left."""
        self._closing = True
        for some in self._some.values():
            some.set()
        workers = list(self._workers.values())
        if not workers:
            return
        _, late = await asyncio.wait(workers, timeout=CLOSE_TIMEOUT)
        for worker in late:
            worker.cancel()
        if late:
            await asyncio.wait(late)

    def _new(
        self,
        subject: Subject,
        post: Post,
        row: PostRow | None,
        others: Mapping[str, PendingPost],
    ) -> PendingPost:
        now = self._monotonic()
        one = PendingPost(
            subject.id,
            subject.place,
            post,
            asker=subject.asker,
            since=subject.since,
            waiting_since=now,
            made_at=now,
            updates=post.updates,
            turn=sum(bool(other.post.parent) and not other.ref for other in others.values()),
            held_by=delays.by_limit_of(self._front.name),
            given_up=self._never(post) or (post.parent in others and others[post.parent].given_up),
        )
        wall = self._clock().timestamp()
        if row is not None:
            self._sender.resume(one, row)
        elif self._front.limits.hold_new_posts:
            one.hold_for_end(now + min(post.hold_until - wall, MAX_HOLD))
        if row is None or row.digest != post.digest:
            since = delays.backdate(post, wall, now)
            if since is not None:
                one.backdate(since)
        return one

    def _never(self, post: Post) -> bool:
        return isinstance(post.content, FileContent) and not self._front.limits.files

    def _work_on(self, channel: str) -> None:
        self._some.setdefault(channel, asyncio.Event()).set()
        worker = self._workers.get(channel)
        if not self._closing and (worker is None or worker.done()):
            self._workers[channel] = asyncio.create_task(
                self._work(channel), name=f"posts of {channel}"
            )

    async def _work(self, channel: str) -> None:
        waiting = self._pending.waiting[channel]
        some = self._some[channel]
        while waiting and not self._closing:
            await self._priority.yield_to_foreground()
            some.clear()
            refs, limits = self._pending.refs, self._pending.limits
            up = next_post(waiting.values(), refs, limits, self._monotonic())
            if up.post is None:
                await wait_at_most(up.wait, some.wait())
                continue
            await self._sender.send(up.post)
            self._sweep(waiting)
        del self._pending.waiting[channel], self._some[channel], self._workers[channel]

    def _sweep(self, waiting: dict[str, PendingPost]) -> None:
        """Drop what is up to date, and report the subjects that are."""
        done = [key for key, one in waiting.items() if one.up_to_date]
        for subject in {waiting.pop(key).subject for key in done}:
            its = self._pending.of_subject.get(subject, {})
            if all(one.up_to_date for one in its.values()):
                self._on_up_to_date(subject)
