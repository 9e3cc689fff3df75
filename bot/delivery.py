"""Step 5 of the path (telling), its last step: posts go to a front end, and stay equal to what is
wanted.

Said once, over crashes and lost answers: a post is noted in the database before the front end is
asked, and one of which nobody knows is looked for before it is posted again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from baton.messages import now
from bot.front import (
    Front,
    FrontError,
    Gone,
    Post,
    Throttled,
    Unpostable,
    Unreachable,
)
from bot.jobs import Job
from bot.posts import Budget, Slot, choose
from bot.store import PostRow
from bot.store.errors import DatabaseUnavailable
from bot.store.posts import Posts

log = structlog.get_logger(__name__)

BACKOFF, BACKOFF_MOST = 0.5, 30.0
"""Seconds before a failed call is tried again: doubled each time, up to the most."""


class Delivery:
    """Delivers the posts of one front end, channel by channel.

    `settled` is called with a job all of whose posts are as wanted.
    """

    def __init__(
        self,
        front: Front,
        posts: Posts,
        settled: Callable[[str], None],
        *,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._posts = posts
        self._settled = settled
        self._clock = clock
        self._monotonic = monotonic
        self._budget = Budget.of(front.limits, monotonic())
        self._slots: dict[str, dict[str, Slot]] = {}
        self._of_job: dict[str, dict[str, Slot]] = {}
        self._refs: dict[str, str] = {}
        self._some: dict[str, asyncio.Event] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    def want(self, job: Job, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        """Have `posts` of `job` shown, as they are now; whether they are already.

        `rows` is what the database knows of them.
        """
        channel = job.place.channel
        slots = self._of_job.setdefault(job.id, {})
        for post in posts:
            slot = slots.get(post.key)
            if slot is None:
                slots[post.key] = self._slot(job, post, rows.get(post.key), slots)
            elif slot.post.digest != post.digest or slot.post.closing != post.closing:
                if slot.settled:
                    slot.waiting_since = self._monotonic()
                slot.post = post
        waiting = {key: slot for key, slot in slots.items() if not slot.settled}
        if not waiting:
            return True
        self._slots.setdefault(channel, {}).update(waiting)
        self._work_on(channel)
        return False

    def knows(self, job: str) -> bool:
        """Whether the posts of `job` are in hand, so that the database need not be asked for
        them."""
        return job in self._of_job

    def forget(self, job: str) -> None:
        """`job` is told: nothing more will be wanted of it."""
        for key in self._of_job.pop(job, {}):
            self._refs.pop(key, None)

    def oldest_waiting(self) -> float:
        """For how long the oldest post has been waiting, in seconds."""
        waits = [slot.waiting_since for slots in self._slots.values() for slot in slots.values()]
        return self._monotonic() - min(waits) if waits else 0.0

    async def close(self) -> None:
        """Stop. What is not shown yet is shown by the next bot."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        if workers:
            await asyncio.wait(workers)

    def _slot(self, job: Job, post: Post, row: PostRow | None, others: Mapping[str, Slot]) -> Slot:
        slot = Slot(
            job.id,
            job.place,
            post,
            asker=job.asked_by.id,
            since=job.asked.timestamp(),
            waiting_since=self._monotonic(),
            given_up=post.parent in others and others[post.parent].given_up,
        )
        if row is not None:
            slot.ref, slot.shown = row.ref, row.digest
            slot.unsure = row.status == "sending"
            slot.given_up = slot.given_up or row.status == "given_up"
            if slot.ref:
                self._refs[post.key] = slot.ref
        return slot

    def _work_on(self, channel: str) -> None:
        self._some.setdefault(channel, asyncio.Event()).set()
        worker = self._workers.get(channel)
        if worker is None or worker.done():
            self._workers[channel] = asyncio.create_task(
                self._work(channel), name=f"posts of {channel}"
            )

    async def _work(self, channel: str) -> None:
        slots = self._slots[channel]
        some = self._some[channel]
        while slots:
            some.clear()
            up = choose(slots.values(), self._refs, self._budget, self._monotonic())
            if up.slot is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(some.wait(), up.wait)
                continue
            await self._attempt(up.slot)
            if up.slot.settled:
                slots.pop(up.slot.post.key, None)
                self._note_settled(up.slot.job)
        del self._slots[channel], self._some[channel], self._workers[channel]

    def _note_settled(self, job: str) -> None:
        if all(slot.settled for slot in self._of_job.get(job, {}).values()):
            self._settled(job)

    async def _attempt(self, slot: Slot) -> None:
        """One call for `slot`; what goes wrong decides when it is tried again."""
        try:
            await self._show(slot)
        except (FrontError, DatabaseUnavailable) as error:
            await self._failed(slot, error)
        except Exception as error:
            # one post that cannot be shown must not keep the channel from all others
            log.exception("cannot show a post", job=slot.job, key=slot.post.key)
            await self._give_up(slot, f"a fault of ours, {type(error).__name__}.")
        else:
            slot.failures = 0

    async def _show(self, slot: Slot) -> None:
        post = slot.post
        if slot.ref:
            self._budget.edits.take(self._monotonic())
            await self._front.edit(slot.place, slot.ref, post)
            shown = post.digest
        elif (found := await self._there_already(slot)) is not None:
            # what it shows is not known, so the next round edits it
            slot.ref, shown = found, ""
        else:
            slot.ref = await self._posted(slot, post)
            shown = post.digest
        self._refs[post.key] = slot.ref
        slot.unsure = False
        slot.shown, slot.shown_at = shown, self._monotonic()
        slot.waiting_since = slot.shown_at
        await self._posts.shown(post.key, slot.ref, shown, self._clock())

    async def _there_already(self, slot: Slot) -> str | None:
        """Claim the post; the message that shows it if the front end has it after all."""
        thread = self._thread(slot)
        if not slot.unsure:
            row = PostRow(
                slot.post.key,
                slot.job,
                slot.place.front,
                slot.place.channel,
                self._clock(),
                thread=thread,
            )
            begun = await self._posts.begin(row)
            if begun is None:
                return None
            if begun.ref:
                return begun.ref
            slot.unsure = True
        return await self._front.find(slot.place, slot.post.key, thread=thread, since=slot.since)

    async def _posted(self, slot: Slot, post: Post) -> str:
        channel = self._budget.channel(slot.place.channel, self._monotonic())
        channel.take(self._monotonic())
        slot.unsure = True
        try:
            return await self._front.post(slot.place, post, thread=self._thread(slot))
        except (Throttled, Unreachable):
            # certainly not there: noted, so that nobody need look for it
            await self._posts.unsent(post.key)
            slot.unsure = False
            raise

    def _thread(self, slot: Slot) -> str:
        return self._refs.get(slot.post.parent, "") or slot.place.thread

    async def _failed(self, slot: Slot, error: FrontError | DatabaseUnavailable) -> None:
        at = self._monotonic()
        slot.failures += 1
        pause = min(BACKOFF * 2 ** (slot.failures - 1), BACKOFF_MOST)
        if isinstance(error, Throttled):
            pause = error.seconds
            self._throttled(slot, at + pause)
        elif isinstance(error, Gone):
            await self._gone(slot)
            pause = 0.0
        elif isinstance(error, Unpostable):
            log.error("not shown", job=slot.job, channel=slot.place.channel, reason=str(error))
            await self._give_up(slot, str(error))
        if not isinstance(error, Unpostable | Gone):
            log.warning("not shown yet", job=slot.job, error=str(error), again_in=pause)
        slot.not_before = at + pause

    def _throttled(self, slot: Slot, until: float) -> None:
        """Everything of that kind waits: new posts in the channel, or all edits."""
        if not slot.ref:
            self._budget.channel(slot.place.channel, self._monotonic()).drain(self._monotonic())
            for other in self._slots.get(slot.place.channel, {}).values():
                if not other.ref:
                    other.not_before = max(other.not_before, until)
            return
        self._budget.edits.drain(self._monotonic())
        for slots in self._slots.values():
            for other in slots.values():
                if other.ref:
                    other.not_before = max(other.not_before, until)

    async def _gone(self, slot: Slot) -> None:
        """Somebody deleted the message: post it anew."""
        self._refs.pop(slot.post.key, None)
        slot.ref, slot.shown, slot.unsure = "", "", False
        with contextlib.suppress(DatabaseUnavailable):
            await self._posts.gone(slot.post.key)

    async def _give_up(self, slot: Slot, reason: str) -> None:
        """The front end will never show it, nor what goes into its thread: tell the one who
        asked."""
        for other in self._of_job.get(slot.job, {}).values():
            other.given_up = other.given_up or other.post.parent == slot.post.key
        slot.given_up = True
        with contextlib.suppress(DatabaseUnavailable):
            await self._posts.given_up(slot.post.key)
        if not slot.post.parent and slot.asker:
            text = f"I could not show how job {slot.job} goes: {reason} It goes on all the same."
            with contextlib.suppress(FrontError):
                await self._front.whisper(slot.place, slot.asker, text)
