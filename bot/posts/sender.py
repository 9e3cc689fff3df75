"""Step 5 of the path (telling), its last step: one post is brought to its front end.

Said once, over crashes and lost answers: a post is noted in the database before the front end is
asked, and one of which nobody knows is looked for before it is posted again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from baton.backoff import delay
from baton.messages import now
from bot.content import FileContent, Post
from bot.fronts.errors import FrontError, Gone, Throttled, Uncertain, Unpostable, Unreachable
from bot.fronts.protocol import Front
from bot.posts import delays, unpostable
from bot.posts.backlog import Backlog
from bot.posts.pending import Slot
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
OFFER_AGAIN = 60.0
"""Seconds after which what nobody asked for, and the front end would not take, is offered again:
the bot may have been invited meanwhile."""
TRIES = 5
"""After so many faults of ours, or threads that vanish, in a row a post is given up."""

Whole = Callable[[FileContent], Awaitable[str]]
"""What a file is to hold."""


async def nothing(file: FileContent) -> str:
    """Of a front end that has no files nobody asks for one."""
    return ""


class Courier:
    """Makes the calls for the posts in `backlog`, one at a time for each post. `claim` and
    `settles` are in seconds: see CLAIM and SETTLES."""

    def __init__(
        self,
        front: Front,
        posts: Posts,
        backlog: Backlog,
        *,
        whole: Whole = nothing,
        claim: float = CLAIM,
        settles: float = SETTLES,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._whole = whole
        self._posts = posts
        self._backlog = backlog
        self._claim = claim
        self._settles = settles
        self._clock = clock
        self._monotonic = monotonic

    def adopt(self, slot: Slot, row: PostRow) -> None:
        """Take over what the database says of a post that another bot began."""
        if row.status == "given_up":
            slot.given_up, slot.parted = True, row.digest == slot.post.digest
        slot.unsure = row.status == "sending"
        if slot.unsure:
            age = (self._clock() - row.at).total_seconds()
            slot.sure_at = self._monotonic() + min(max(self._claim - age, 0.0), self._claim)
        if row.ref and row.status == "shown":
            slot.ref = self._backlog.refs[row.key] = row.ref
            # A job's own post can show again what it showed before, and an edit may have been
            # under way when the other bot died; what is in the thread only ever grows.
            slot.shown = row.digest if slot.post.parent else ""

    async def attempt(self, slot: Slot) -> None:
        """One call for `slot`; what goes wrong decides when it is tried again."""
        try:
            try:
                await (self._part(slot) if slot.given_up else self._show(slot))
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
        self._backlog.budget.edits.take(self._monotonic())
        slot.shown = ""
        told = self._as_told(slot)
        await self._front.edit(slot.place, slot.ref, told)
        self._is_there(slot, slot.ref, post.digest)

    async def _there_already(self, slot: Slot) -> bool:
        """Claim the post; whether the front end has it after all, or never will."""
        thread = self._backlog.thread(slot)
        if not slot.unsure:
            begun = self._monotonic()
            there = await self._posts.begin(self._row(slot, thread))
            if there is None:
                # a claim that took too long may have been taken over by now
                slot.unsure = self._monotonic() - begun > self._claim
                if not slot.unsure:
                    return False
            else:
                self.adopt(slot, there)
                if slot.ref or slot.given_up:
                    return True
        content = slot.post.content
        file = isinstance(content, FileContent)
        key = content.name if isinstance(content, FileContent) else slot.post.key
        found = await self._front.find(slot.place, key, thread=thread, since=slot.since)
        if found is not None:
            # what a message shows is not known, so the next round edits it, and at once
            self._is_there(slot, found, slot.post.digest if file else "")
            slot.shown_at = float("-inf")
        return found is not None

    async def _post(self, slot: Slot) -> None:
        post = slot.post
        now = self._monotonic()
        self._backlog.budget.channel(slot.place.channel, now).take(now)
        slot.unsure = True
        try:
            ref = await self._said(slot, self._backlog.thread(slot))
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

    async def _said(self, slot: Slot, thread: str) -> str:
        content = slot.post.content
        if isinstance(content, FileContent):
            text = await self._whole(content)
            await self._front.hand_over(slot.place, thread, content.name, text)
            return content.name
        return await self._front.post(slot.place, self._as_told(slot), thread=thread)

    def _as_told(self, slot: Slot) -> Post:
        """What is said: what is wanted, and that it is late if it is."""
        shut = self._backlog.budget.shut
        return delays.as_told(slot, self._monotonic(), self._front.name, shut)

    def _is_there(self, slot: Slot, ref: str, shown: str) -> None:
        slot.ref = self._backlog.refs[slot.post.key] = ref
        slot.shown, slot.unsure, slot.noted = shown, False, False
        slot.shown_at = slot.waiting_since = self._monotonic()
        slot.updates, slot.held_by = int(not slot.as_wanted), delays.limit(self._front.name)

    def _row(self, slot: Slot, thread: str) -> PostRow:
        place = slot.place
        return PostRow(
            slot.post.key, slot.job, place.front, place.channel, self._clock(), thread=thread
        )

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
            by = delays.limit(self._front.name)
            self._backlog.hold_kind(slot, self._monotonic(), until, by)
        elif isinstance(error, Unreachable):
            self._backlog.budget.shut = max(self._backlog.budget.shut, until)
            self._backlog.hold(lambda other: True, until, delays.by(error))
        slot.held_by = delays.by(error)
        log.warning("not shown yet", job=slot.job, error=str(error), again_in=pause)

    def _again(self, slot: Slot, pause: float) -> None:
        slot.not_before = self._monotonic() + pause

    async def _gone(self, slot: Slot) -> None:
        """Somebody deleted the message: post it anew. If a post cannot go into its thread, it is
        the message above it that was deleted."""
        above = self._backlog.next_to(slot).get(slot.post.parent)
        lost = slot if slot.ref else above
        if lost is None or slot.failures >= TRIES or (not slot.ref and slot.place.thread):
            await self._refused(slot, "the thread that it belongs to is gone.")
            return
        log.info("a message was deleted, posting it anew", job=slot.job, key=lost.post.key)
        self._backlog.deleted(lost)
        with contextlib.suppress(DatabaseUnavailable):
            await self._posts.gone(lost.post.key)

    async def _refused(self, slot: Slot, reason: str) -> None:
        """The front end will not show it: tell the one who asked, then give it up. An alert waits
        for somebody to mend that, for as long as it goes on."""
        log.error("not shown", job=slot.job, channel=slot.place.channel, reason=reason)
        if not slot.post.parent and not slot.asker and not slot.post.closing:
            self._again(slot, OFFER_AGAIN)
            return
        if not slot.post.parent and slot.asker:
            told = await self._told_alone(slot, unpostable.refused(slot.job, slot.post, reason))
            if not told and slot.failures < TRIES:
                return
            slot.parted = told and slot.post.closing
        await self._give_up(slot)

    async def _part(self, slot: Slot) -> None:
        """What could not be shown has ended: tell the one who asked how."""
        if await self._told_alone(slot, unpostable.ended(slot.job, slot.post)):
            slot.parted = True
            await self._posts.given_up(slot.post.key, slot.post.digest)

    async def _told_alone(self, slot: Slot, text: str) -> bool:
        """Tell the one who asked, alone; whether that is over, as it was done or cannot be."""
        try:
            await self._front.whisper(slot.place, slot.asker, text)
        except (Throttled, Unreachable) as error:
            slot.tellings += 1
            pause = _backoff(slot.tellings)
            self._again(slot, max(error.seconds, pause) if isinstance(error, Throttled) else pause)
            return False
        except FrontError as error:
            log.warning("the asker was not told", job=slot.job, reason=str(error))
        return True

    async def _give_up(self, slot: Slot) -> None:
        """Neither it nor what goes into its thread will be shown."""
        for each in self._backlog.lost_with(slot):
            each.given_up = True
        digest = slot.post.digest if slot.parted else ""
        try:
            await self._posts.given_up(slot.post.key, digest)
        except DatabaseUnavailable as error:
            log.warning("not noted that a post is given up", job=slot.job, reason=str(error))


def _backoff(failures: int) -> float:
    return delay(failures, BACKOFF, BACKOFF_MOST)
