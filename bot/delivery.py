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
from bot import lateness
from bot.front import Front, FrontError, Gone, Post, Throttled, Uncertain, Unpostable, Unreachable
from bot.jobs import Subject
from bot.posts import Budget, Slot, choose
from bot.right_of_way import RightOfWay
from bot.store import PostRow
from bot.store.errors import DatabaseUnavailable
from bot.store.posts import Posts

log = structlog.get_logger(__name__)

BACKOFF, BACKOFF_MOST = 0.5, 10.0
"""Seconds before a failed call is tried again: doubled each time, up to the most."""
SETTLES = 2.0
"""Seconds after which a message whose posting got no answer is there, or never will be."""
CLAIM = 6.0
"""Seconds within which whoever noted that a post begins must have called the front end."""
TRIES = 5
"""After so many faults of ours, or threads that vanish, in a row a post is given up."""
LAST_CALLS = 3.0
"""Seconds that calls under way are given when we stop: what is answered need not be looked for."""


class Delivery:
    """Delivers the posts of one front end, channel by channel, one call at a time in each.

    `settled` is called with the id of a job, or of another subject, all of whose posts are as
    wanted. `claim` and `settles` are in seconds: see CLAIM and SETTLES.
    """

    def __init__(
        self,
        front: Front,
        posts: Posts,
        settled: Callable[[str], None],
        *,
        claim: float = CLAIM,
        settles: float = SETTLES,
        way: RightOfWay | None = None,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._posts = posts
        self._settled = settled
        self._claim = claim
        self._settles = settles
        self._way = way or RightOfWay()
        self._clock = clock
        self._monotonic = monotonic
        self._budget = Budget.of(front.limits, monotonic())
        self._slots: dict[str, dict[str, Slot]] = {}
        self._of_job: dict[str, dict[str, Slot]] = {}
        self._refs: dict[str, str] = {}
        self._some: dict[str, asyncio.Event] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    def want(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        """Have `posts` about `subject` shown, as they are now; whether they are already.

        `rows` is what the database knows of them.
        """
        slots = self._of_job.setdefault(subject.id, {})
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
        queue = self._slots.setdefault(channel, {})
        for key, slot in slots.items():
            if slot.settled:
                # it may have changed there and back before anybody came to show it
                queue.pop(key, None)
            else:
                queue[key] = slot
        if queue or channel in self._workers:
            self._work_on(channel)
        else:
            del self._slots[channel]
        return all(slot.settled for slot in slots.values())

    def knows(self, job: str) -> bool:
        """Whether the posts of `job` are in hand, so that the database need not be asked for
        them."""
        return job in self._of_job

    def forget(self, job: str) -> None:
        """`job` is told: nothing more will be wanted of it."""
        for key, slot in self._of_job.pop(job, {}).items():
            self._refs.pop(key, None)
            channel = slot.place.channel
            if self._slots.get(channel, {}).pop(key, None) is not None:
                self._some[channel].set()

    def waiting(self) -> int:
        """How many posts do not show yet what is wanted."""
        return sum(len(slots) for slots in self._slots.values())

    def oldest_waiting(self) -> float:
        """For how long the oldest post has been waiting, in seconds."""
        waits = [slot.waiting_since for slots in self._slots.values() for slot in slots.values()]
        return self._monotonic() - min(waits) if waits else 0.0

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
            updates=post.updates,
            held_by=lateness.limit(self._front.name),
            given_up=post.parent in others and others[post.parent].given_up,
        )
        if row is not None:
            self._adopt_row(slot, row)
        if row is None or row.digest != post.digest:
            lateness.taken_over(slot, self._clock().timestamp(), self._monotonic())
        return slot

    def _adopt_row(self, slot: Slot, row: PostRow) -> None:
        """Take over what the database says of a post that another bot began."""
        slot.given_up = slot.given_up or row.status == "given_up"
        slot.unsure = row.status == "sending"
        if slot.unsure:
            age = (self._clock() - row.at).total_seconds()
            slot.sure_at = self._monotonic() + min(max(self._claim - age, 0.0), self._claim)
        if row.ref and row.status == "shown":
            slot.ref = self._refs[row.key] = row.ref
            # A job's own post can show again what it showed before, and an edit may have been
            # under way when the other bot died; what is in the thread only ever grows.
            slot.shown = row.digest if slot.post.parent else ""

    def _work_on(self, channel: str) -> None:
        self._some.setdefault(channel, asyncio.Event()).set()
        worker = self._workers.get(channel)
        if not self._closing and (worker is None or worker.done()):
            self._workers[channel] = asyncio.create_task(
                self._work(channel), name=f"posts of {channel}"
            )

    async def _work(self, channel: str) -> None:
        slots = self._slots[channel]
        some = self._some[channel]
        while slots and not self._closing:
            await self._way.given()
            some.clear()
            up = choose(slots.values(), self._refs, self._budget, self._monotonic())
            if up.slot is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(up.wait):
                        await some.wait()
                continue
            await self._attempt(up.slot)
            self._sweep(slots)
        del self._slots[channel], self._some[channel], self._workers[channel]

    def _sweep(self, slots: dict[str, Slot]) -> None:
        """Let go of what is settled."""
        done = [key for key, slot in slots.items() if slot.settled]
        for job in {slots.pop(key).job for key in done}:
            if all(slot.settled for slot in self._of_job.get(job, {}).values()):
                self._settled(job)

    async def _attempt(self, slot: Slot) -> None:
        """One call for `slot`; what goes wrong decides when it is tried again."""
        try:
            try:
                await self._show(slot)
            except (FrontError, DatabaseUnavailable) as error:
                await self._failed(slot, error)
            else:
                slot.failures = slot.faults = 0
        except Exception:
            # one post that cannot be shown must not keep the channel from all others
            log.exception("cannot show a post", job=slot.job, key=slot.post.key)
            slot.faults += 1
            self._again(slot, _backoff(slot.faults))
            if slot.faults >= TRIES:
                await self._give_up(slot)

    async def _show(self, slot: Slot) -> None:
        if slot.noted and not slot.as_wanted:
            if slot.ref:
                await self._edit(slot)
            elif not await self._there_already(slot):
                if slot.unsure and self._monotonic() < slot.sure_at:
                    slot.not_before = slot.sure_at
                    return
                await self._post(slot)
        if slot.ref:
            await self._posts.shown(slot.post.key, slot.ref, slot.shown, self._clock())
            slot.noted = True
        if slot.post.pinned and slot.ref and not slot.pinned:
            await self._pin(slot)

    async def _pin(self, slot: Slot) -> None:
        try:
            await self._front.pin(slot.place, slot.ref)
        except Unpostable as error:
            log.warning("shown, but not pinned", channel=slot.place.channel, reason=str(error))
        slot.pinned = True

    async def _edit(self, slot: Slot) -> None:
        post = slot.post
        self._budget.edits.take(self._monotonic())
        slot.shown = ""
        told = lateness.as_told(slot, self._monotonic(), self._front.name, self._budget.shut)
        await self._front.edit(slot.place, slot.ref, told)
        self._is_there(slot, slot.ref, post.digest)

    async def _there_already(self, slot: Slot) -> bool:
        """Claim the post; whether the front end has it after all, or never will."""
        thread = self._thread(slot)
        if not slot.unsure:
            begun = self._monotonic()
            there = await self._posts.begin(self._row(slot, thread))
            if there is None:
                # a claim that took too long may have been taken over by now
                slot.unsure = self._monotonic() - begun > self._claim
                if not slot.unsure:
                    return False
            else:
                self._adopt_row(slot, there)
                if slot.ref or slot.given_up:
                    return True
        found = await self._front.find(slot.place, slot.post.key, thread=thread, since=slot.since)
        if found is not None:
            # what it shows is not known, so the next round edits it, and at once
            self._is_there(slot, found, "")
            slot.shown_at = float("-inf")
        return found is not None

    async def _post(self, slot: Slot) -> None:
        post = slot.post
        now = self._monotonic()
        self._budget.channel(slot.place.channel, now).take(now)
        slot.unsure = True
        try:
            told = lateness.as_told(slot, now, self._front.name, self._budget.shut)
            ref = await self._front.post(slot.place, told, thread=self._thread(slot))
        except Uncertain:
            slot.sure_at = self._monotonic() + self._settles
            raise
        except FrontError:
            # certainly not there: noted, so that nobody need look for it
            with contextlib.suppress(DatabaseUnavailable):
                await self._posts.unsent(post.key)
                slot.unsure = False
            raise
        self._is_there(slot, ref, post.digest)

    def _is_there(self, slot: Slot, ref: str, shown: str) -> None:
        slot.ref = self._refs[slot.post.key] = ref
        slot.shown, slot.unsure, slot.noted = shown, False, False
        slot.shown_at = slot.waiting_since = self._monotonic()
        slot.updates, slot.held_by = int(not slot.as_wanted), lateness.limit(self._front.name)

    def _row(self, slot: Slot, thread: str) -> PostRow:
        place = slot.place
        return PostRow(
            slot.post.key, slot.job, place.front, place.channel, self._clock(), thread=thread
        )

    def _thread(self, slot: Slot) -> str:
        """Where people asked in a thread all goes there: there are no threads in threads."""
        return slot.place.thread or self._refs.get(slot.post.parent, "")

    async def _failed(self, slot: Slot, error: FrontError | DatabaseUnavailable) -> None:
        slot.failures += 1
        pause = _backoff(slot.failures)
        if isinstance(error, Gone):
            await self._gone(slot)
            return
        if isinstance(error, Unpostable):
            await self._refused(slot, str(error))
            return
        if isinstance(error, Throttled):
            pause = error.seconds
        # the same moment for all that wait, so that they stay in their order
        until = slot.not_before = self._monotonic() + pause
        if isinstance(error, Throttled):
            self._hold_kind(slot, until)
        elif isinstance(error, Unreachable):
            self._budget.shut = max(self._budget.shut, until)
            self._hold(lambda other: True, until, lateness.by(error))
        slot.held_by = lateness.by(error)
        log.warning("not shown yet", job=slot.job, error=str(error), again_in=pause)

    def _again(self, slot: Slot, pause: float) -> None:
        slot.not_before = self._monotonic() + pause

    def _hold(self, which: Callable[[Slot], bool], until: float, by: str) -> None:
        """Let what waits wait longer: one that was turned away speaks for all of its kind."""
        for slots in self._slots.values():
            for other in slots.values():
                if which(other):
                    other.not_before = max(other.not_before, until)
                    other.held_by = by

    def _hold_kind(self, slot: Slot, until: float) -> None:
        """Of a front end that is asked too much: new posts in the channel wait, or all edits."""
        now, channel, by = self._monotonic(), slot.place.channel, lateness.limit(self._front.name)
        if slot.ref:
            self._budget.edits.drain(now, until)
            self._hold(lambda other: bool(other.ref), until, by)
        else:
            self._budget.channel(channel, now).drain(now, until)
            self._hold(lambda other: not other.ref and other.place.channel == channel, until, by)

    async def _gone(self, slot: Slot) -> None:
        """Somebody deleted the message: post it anew. If a post cannot go into its thread, it is
        the message above it that was deleted."""
        above = self._of_job.get(slot.job, {}).get(slot.post.parent)
        lost = slot if slot.ref else above
        if lost is None or slot.failures >= TRIES or (not slot.ref and slot.place.thread):
            await self._refused(slot, "the thread that it belongs to is gone.")
            return
        log.info("a message was deleted, posting it anew", job=slot.job, key=lost.post.key)
        self._refs.pop(lost.post.key, None)
        lost.ref, lost.shown, lost.unsure, lost.noted = "", "", False, True
        lost.pinned = False
        self._slots[lost.place.channel][lost.post.key] = lost
        with contextlib.suppress(DatabaseUnavailable):
            await self._posts.gone(lost.post.key)

    async def _refused(self, slot: Slot, reason: str) -> None:
        """The front end will never show it: tell the one who asked, then give it up."""
        log.error("not shown", job=slot.job, channel=slot.place.channel, reason=reason)
        if not slot.post.parent and slot.asker and slot.failures < TRIES:
            text = f"I cannot show how job {slot.job} goes: {reason} It goes on all the same."
            try:
                await self._front.whisper(slot.place, slot.asker, text)
            except (Throttled, Unreachable) as error:
                pause = error.seconds if isinstance(error, Throttled) else _backoff(slot.failures)
                self._again(slot, pause)
                return
            except FrontError as error:
                log.warning("the asker was not told", job=slot.job, reason=str(error))
        await self._give_up(slot)

    async def _give_up(self, slot: Slot) -> None:
        """Neither it nor what goes into its thread will be shown."""
        lost = [slot]
        lost += [
            other
            for other in self._of_job.get(slot.job, {}).values()
            if other.post.parent == slot.post.key and not other.ref
        ]
        for each in lost:
            each.given_up = True
        try:
            await self._posts.given_up(slot.post.key)
        except DatabaseUnavailable as error:
            log.warning("not noted that a post is given up", job=slot.job, reason=str(error))


def _backoff(failures: int) -> float:
    return min(BACKOFF * float(2 ** min(failures - 1, 10)), BACKOFF_MOST)
