"""The last part of step 5 of the path (post): the calls of a front end, one post at a time.

A post appears once, whatever crashes and whatever answers are lost: it is recorded in the database
before the front end is called, and searched for in the chat before it is posted again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from baton.bus.messages import now
from baton.timing.backoff import delay
from bot.content import FileContent, Post
from bot.fronts.errors import (
    FrontError,
    MessageDeleted,
    Throttled,
    Uncertain,
    Unpostable,
    Unreachable,
)
from bot.fronts.protocol import Front
from bot.posts import delays, unpostable
from bot.posts.pending import PendingPost, PendingPosts
from bot.store import PostRow
from bot.store.errors import DatabaseUnavailable
from bot.store.post_store import PostStore

log = structlog.get_logger(__name__)

BACKOFF, MAX_BACKOFF = 0.5, 10.0
"""Seconds before a failed call is tried again: doubled each time, up to the maximum."""
SETTLE_TIME = 2.0
"""Seconds after which a message whose call got no answer is there, or never will be."""
CLAIM_TIMEOUT = 6.0
"""Seconds within which the bot that has recorded a post must have called the front end."""
OFFER_AGAIN_DELAY = 60.0
"""Seconds after which an alert that the front end rejected is posted again: somebody may have
invited the bot to the channel meanwhile."""
MAX_TRIES = 5
"""Unexpected errors, or deleted threads, in a row after which a post is given up."""

FileText = Callable[[FileContent], Awaitable[str]]
"""Returns the content of a file."""


async def no_text(file: FileContent) -> str:
    """Return nothing: for front ends without files."""
    return ""


class PostSender:
    """Makes the calls for `pending` posts, one at a time for each. `file_text` returns the content
    of a file. `claim` and `settle_time` are in seconds: see CLAIM_TIMEOUT and SETTLE_TIME."""

    def __init__(
        self,
        front: Front,
        posts: PostStore,
        pending: PendingPosts,
        *,
        file_text: FileText = no_text,
        claim: float = CLAIM_TIMEOUT,
        settle_time: float = SETTLE_TIME,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._file_text = file_text
        self._posts = posts
        self._pending = pending
        self._claim = claim
        self._settle_time = settle_time
        self._clock = clock
        self._monotonic = monotonic

    def resume(self, one: PendingPost, row: PostRow) -> None:
        """Take over what the database says of a post that another bot has begun."""
        if row.status == "given_up":
            one.resume_given_up(outcome_told=row.digest == one.post.digest)
        elif row.status == "sending":
            age = (self._clock() - row.at).total_seconds()
            one.resume_sending(self._monotonic() + min(max(self._claim - age, 0.0), self._claim))
        elif row.status == "shown" and row.ref:
            # A job's own post can show again what it showed before, and an edit may have been
            # under way when the other bot died; what is in the thread only ever grows.
            one.resume_shown(row.ref, row.digest if one.post.parent else "")
            self._pending.shown(one)
        else:
            one.resume_unsent()

    async def send(self, one: PendingPost) -> None:
        """Make the next call for `one`. If it fails, the error decides when it is tried again."""
        try:
            try:
                await (self._send_outcome(one) if one.given_up else self._show(one))
            except (FrontError, DatabaseUnavailable) as error:
                await self._failed(one, error)
            else:
                one.succeeded()
        except Exception:
            # one post that cannot be shown must not keep the channel from all others
            log.exception("unexpected error while posting", subject=one.subject, key=one.post.key)
            one.faulted()
            self._again(one, _backoff(one.faults))
            if one.faults >= MAX_TRIES:
                await self._give_up(one)

    async def _show(self, one: PendingPost) -> None:
        if one.recorded and not one.as_desired:
            if one.ref:
                await self._edit(one)
            elif not await self._there_already(one):
                if one.unsure and self._monotonic() < one.sure_at:
                    one.wait_until(one.sure_at)
                    return
                await self._post(one)
        if one.ref:
            await self._posts.mark_shown(one.post.key, one.ref, one.shown, self._clock())
            one.was_recorded()
        if one.post.pinned and one.ref and not one.pinned:
            await self._pin(one)

    async def _pin(self, one: PendingPost) -> None:
        try:
            await self._front.pin(one.place, one.ref)
        except Unpostable as error:
            log.warning("posted, but cannot pin", channel=one.place.channel, reason=str(error))
        one.was_pinned()

    async def _edit(self, one: PendingPost) -> None:
        digest = one.post.digest
        self._pending.limits.edits.take(self._monotonic())
        one.editing()
        await self._front.edit(one.place, one.ref, self._with_delay(one))
        one.sent(one.ref, digest, self._monotonic(), self._limit)

    async def _there_already(self, one: PendingPost) -> bool:
        """Claim the post; return whether the front end has it after all, or never will."""
        thread = self._pending.thread(one)
        if not one.unsure:
            begun = self._monotonic()
            there = await self._posts.claim(self._row(one, thread))
            if there is None:
                # a claim that took too long may have been taken over by now
                one.claimed(in_time=self._monotonic() - begun <= self._claim)
                if not one.unsure:
                    return False
            else:
                self.resume(one, there)
                if one.ref or one.given_up:
                    return True
        content = one.post.content
        file = isinstance(content, FileContent)
        key = content.name if isinstance(content, FileContent) else one.post.key
        found = await self._front.find(one.place, key, thread=thread, since=one.since)
        if found is not None:
            # what a message shows is not known, so the next round edits it
            digest = one.post.digest if file else ""
            one.found(found, digest, self._monotonic(), self._limit)
            self._pending.shown(one)
        return found is not None

    async def _post(self, one: PendingPost) -> None:
        post = one.post
        now = self._monotonic()
        self._pending.limits.channel(one.place.channel, now).take(now)
        one.sending()
        try:
            ref = await self._call(one, self._pending.thread(one))
        except Uncertain:
            one.lost(self._monotonic() + self._settle_time)
            raise
        except FrontError:
            # certainly not there: noted, so that nobody need look for it
            with contextlib.suppress(DatabaseUnavailable):
                await self._posts.mark_waiting(post.key)
                one.not_sent()
            raise
        one.sent(ref, post.digest, self._monotonic(), self._limit)
        self._pending.shown(one)

    async def _call(self, one: PendingPost, thread: str) -> str:
        content = one.post.content
        if isinstance(content, FileContent):
            text = await self._file_text(content)
            await self._front.upload_file(one.place, thread, content.name, text)
            return content.name
        return await self._front.post(one.place, self._with_delay(one), thread=thread)

    def _with_delay(self, one: PendingPost) -> Post:
        """Return the post that is desired, with a note if it is late."""
        shut = self._pending.limits.shut
        return delays.with_delay_note(one, self._monotonic(), self._front.name, shut)

    @property
    def _limit(self) -> str:
        """Why a post is delayed if nothing else is known."""
        return delays.by_limit_of(self._front.name)

    def _row(self, one: PendingPost, thread: str) -> PostRow:
        place = one.place
        return PostRow(
            one.post.key, one.subject, place.front, place.channel, self._clock(), thread=thread
        )

    async def _failed(self, one: PendingPost, error: FrontError | DatabaseUnavailable) -> None:
        one.failed()
        pause = _backoff(one.failures)
        if isinstance(error, MessageDeleted):
            await self._gone(one)
            return
        if isinstance(error, Unpostable):
            await self._refused(one, str(error))
            return
        if isinstance(error, Throttled):
            pause = error.seconds
        # the same moment for all that wait, so that they stay in their order
        until, by = self._monotonic() + pause, delays.cause_of(error)
        if isinstance(error, Throttled):
            self._pending.hold_kind(one, self._monotonic(), until, self._limit)
        elif isinstance(error, Unreachable):
            self._pending.hold_all(until, by)
        one.held(until, by)
        log.warning(
            "cannot post yet, will retry", subject=one.subject, error=str(error), retry_in=pause
        )

    def _again(self, one: PendingPost, pause: float) -> None:
        one.wait_until(self._monotonic() + pause)

    async def _gone(self, one: PendingPost) -> None:
        """Post a message again that somebody deleted. If a post cannot go into its thread, the
        message above it was deleted."""
        above = self._pending.beside(one).get(one.post.parent)
        lost = one if one.ref else above
        if lost is None or one.failures >= MAX_TRIES or (not one.ref and one.place.thread):
            await self._refused(one, "its thread was deleted.")
            return
        log.info("message was deleted, posting it again", subject=one.subject, key=lost.post.key)
        self._pending.deleted(lost)
        with contextlib.suppress(DatabaseUnavailable):
            await self._posts.mark_deleted(lost.post.key)

    async def _refused(self, one: PendingPost, reason: str) -> None:
        """Give up a post that the front end rejected, and notify the person who asked. An alert is
        not given up while it fires: somebody may fix the channel."""
        log.error("post rejected", subject=one.subject, channel=one.place.channel, reason=reason)
        if not one.post.parent and not one.asker and not one.post.closing:
            self._again(one, OFFER_AGAIN_DELAY)
            return
        if not one.post.parent and one.asker:
            sent = await self._send_alone(
                one, unpostable.refusal_text(one.subject, one.post, reason)
            )
            if not sent and one.failures < MAX_TRIES:
                return
            if sent and one.post.closing:
                one.told_outcome()
        await self._give_up(one)

    async def _send_outcome(self, one: PendingPost) -> None:
        """Send the result of what could not be posted to the person who asked."""
        if await self._send_alone(one, unpostable.outcome_text(one.subject, one.post)):
            one.told_outcome()
            await self._posts.mark_given_up(one.post.key, one.post.digest)

    async def _send_alone(self, one: PendingPost, text: str) -> bool:
        """Send `text` to the person who asked; return False if that has to be tried again."""
        try:
            await self._front.send_ephemeral(one.place, one.asker, text)
        except (Throttled, Unreachable) as error:
            one.telling_failed()
            pause = _backoff(one.tellings)
            self._again(one, max(error.seconds, pause) if isinstance(error, Throttled) else pause)
            return False
        except FrontError as error:
            log.warning(
                "cannot notify the person who asked", subject=one.subject, reason=str(error)
            )
        return True

    async def _give_up(self, one: PendingPost) -> None:
        """Give up a post, and those in its thread."""
        self._pending.give_up(one)
        digest = one.post.digest if one.outcome_told else ""
        try:
            await self._posts.mark_given_up(one.post.key, digest)
        except DatabaseUnavailable as error:
            log.warning(
                "cannot record that a post is given up", subject=one.subject, reason=str(error)
            )


def _backoff(failures: int) -> float:
    return delay(failures, BACKOFF, MAX_BACKOFF)
