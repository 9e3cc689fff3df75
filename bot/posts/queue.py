"""Step 5 of the path (telling): the posts of a front end stay equal to what is wanted.

What waits is in the backlog; a worker for each channel has the courier bring it, one post at a
time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from baton.messages import now
from baton.waiting import wait_at_most
from bot.content import FileContent, Post
from bot.fronts.protocol import Front
from bot.jobs import Subject
from bot.posts import delays
from bot.posts.backlog import Backlog
from bot.posts.pending import Budget, Slot, choose
from bot.posts.sender import CLAIM, SETTLES, Courier, Whole, nothing
from bot.priority import ForegroundPriority
from bot.store import PostRow
from bot.store.posts import Posts

LAST_CALLS = 3.0
"""Seconds that calls under way are given when we stop: what is answered need not be looked for."""
HELD_MOST = 5.0
"""Seconds for which a new post is held back for its end, at most, if clocks disagree."""


class Delivery:
    """Delivers the posts of one front end, channel by channel, one call at a time in each.

    `settled` is called with the id of a job, or of another subject, all of whose posts are as
    wanted. `whole` gives what a file is to hold. `claim` and `settles` are in seconds: see CLAIM
    and SETTLES.
    """

    def __init__(
        self,
        front: Front,
        posts: Posts,
        settled: Callable[[str], None],
        *,
        whole: Whole = nothing,
        claim: float = CLAIM,
        settles: float = SETTLES,
        way: ForegroundPriority | None = None,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._settled = settled
        self._way = way or ForegroundPriority()
        self._clock = clock
        self._monotonic = monotonic
        self._backlog = Backlog(Budget.of(front.limits, monotonic()))
        self._courier = Courier(
            front,
            posts,
            self._backlog,
            whole=whole,
            claim=claim,
            settles=settles,
            clock=clock,
            monotonic=monotonic,
        )
        self._some: dict[str, asyncio.Event] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    def want(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        """Have `posts` about `subject` shown, as they are now; whether they are already.

        `rows` is what the database knows of them.
        """
        slots = self._backlog.of_job.setdefault(subject.id, {})
        for post in posts:
            slot = slots.get(post.key)
            if slot is None:
                slots[post.key] = self._slot(subject, post, rows.get(post.key), slots)
            elif slot.post.digest != post.digest or slot.post.closing != post.closing:
                if slot.settled:
                    slot.waiting_since = self._monotonic()
                slot.post = post
                slot.updates += 1
        channel = subject.place.channel
        queue = self._backlog.waiting.setdefault(channel, {})
        for key, slot in slots.items():
            if slot.settled:
                # it may have changed there and back before anybody came to show it
                queue.pop(key, None)
            else:
                queue[key] = slot
        if queue or channel in self._workers:
            self._work_on(channel)
        else:
            del self._backlog.waiting[channel]
        return all(slot.settled for slot in slots.values())

    def knows(self, job: str) -> bool:
        """Whether the posts of `job` are in hand, so that the database need not be asked for
        them."""
        return job in self._backlog.of_job

    def forget(self, job: str) -> None:
        """`job` is told: nothing more will be wanted of it."""
        for key, slot in self._backlog.of_job.pop(job, {}).items():
            self._backlog.refs.pop(key, None)
            channel = slot.place.channel
            if self._backlog.waiting.get(channel, {}).pop(key, None) is not None:
                self._some[channel].set()

    def waiting(self) -> int:
        """How many posts do not show yet what is wanted."""
        return sum(len(slots) for slots in self._backlog.waiting.values())

    def oldest_waiting(self) -> float:
        """For how long the oldest post has been waiting, in seconds."""
        waiting = self._backlog.waiting.values()
        since = [slot.waiting_since for slots in waiting for slot in slots.values()]
        return self._monotonic() - min(since) if since else 0.0

    async def close(self) -> None:
        """Stop. Calls under way are given a moment; what is not shown is shown by the next bot."""
        self._closing = True
        for some in self._some.values():
            some.set()
        workers = list(self._workers.values())
        if not workers:
            return
        _, late = await asyncio.wait(workers, timeout=LAST_CALLS)
        for worker in late:
            worker.cancel()
        if late:
            await asyncio.wait(late)

    def _slot(
        self, subject: Subject, post: Post, row: PostRow | None, others: Mapping[str, Slot]
    ) -> Slot:
        slot = Slot(
            subject.id,
            subject.place,
            post,
            asker=subject.asker,
            since=subject.since,
            waiting_since=self._monotonic(),
            made_at=self._monotonic(),
            updates=post.updates,
            turn=sum(bool(other.post.parent) and not other.ref for other in others.values()),
            held_by=delays.limit(self._front.name),
            given_up=self._never(post) or (post.parent in others and others[post.parent].given_up),
        )
        if row is not None:
            self._courier.adopt(slot, row)
        elif self._front.limits.holds:
            held = min(post.hold_until - self._clock().timestamp(), HELD_MOST)
            slot.hold = slot.waiting_since + held
        if row is None or row.digest != post.digest:
            delays.taken_over(slot, self._clock().timestamp(), self._monotonic())
        return slot

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
        slots = self._backlog.waiting[channel]
        some = self._some[channel]
        while slots and not self._closing:
            await self._way.yield_to_foreground()
            some.clear()
            up = choose(slots.values(), self._backlog.refs, self._backlog.budget, self._monotonic())
            if up.slot is None:
                await wait_at_most(up.wait, some.wait())
                continue
            await self._courier.attempt(up.slot)
            self._sweep(slots)
        del self._backlog.waiting[channel], self._some[channel], self._workers[channel]

    def _sweep(self, slots: dict[str, Slot]) -> None:
        """Let go of what is settled."""
        done = [key for key, slot in slots.items() if slot.settled]
        for job in {slots.pop(key).job for key in done}:
            if all(slot.settled for slot in self._backlog.of_job.get(job, {}).values()):
                self._settled(job)
