"""Decides which post goes next, and when. Pure: time comes in as a number of seconds.

A front end limits us: so many new posts in a channel, so many edits for everything together. What
waits is merged, since each post shows the latest state. Posts of jobs go before what stands in
threads, and what ends before what is on its way; threads take turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.posts.pending import PendingPost
from bot.posts.rate_limits import RateLimits

EDIT_RESERVE = 0.3
"""The share of the edits that is kept for posts of jobs with a final state; posts of jobs under way
leave as much again to others."""
POST_RESERVE = 1.0
"""New posts in a channel that are kept for the posts of jobs: threads may not use them."""
TURN_DELAY = 3.0
"""Seconds that each further waiting post of a job counts as younger, so that threads take turns."""

SLOW_EDIT_SHARE, MAX_SLOW_EDIT_PAUSE = 0.5, 30.0
"""A slow edit waits for this share of the post's age, and MAX_SLOW_EDIT_PAUSE seconds at most."""


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now: send `post`, or nothing for `wait` seconds (None: until something new is
    desired)."""

    post: PendingPost | None = None
    wait: float | None = None


def next_post(
    pending: Iterable[PendingPost], refs: dict[str, str], limits: RateLimits, now: float
) -> Next:
    """Return the post of one channel that is sent next.

    `refs` are the messages of posts that are shown, by key: a post in a thread waits for its
    parent.
    """
    best: tuple[tuple[int, float], PendingPost] | None = None
    soonest: float | None = None
    behind: set[str] = set()
    for one in pending:
        if one.up_to_date or (one.post.parent and one.post.parent not in refs):
            continue
        # a thread has the order of its list, a channel that of what was asked
        in_turn = not one.ref and (one.in_thread or bool(one.post.hold_until))
        in_turn = in_turn and not one.post.broadcast and not one.given_up
        if in_turn and one.post.parent in behind:
            continue
        wait = _wait(one, limits, now)
        rank = (_class(one), one.waiting_since + TURN_DELAY * one.turn)
        if wait > 0:
            soonest = wait if soonest is None else min(soonest, wait)
            if in_turn and (one.in_thread or one.hold > now):
                behind.add(one.post.parent)
        elif best is None or rank < best[0]:
            best = rank, one
    return Next(best[1]) if best is not None else Next(wait=soonest)


def _wait(one: PendingPost, limits: RateLimits, now: float) -> float:
    wait = max(one.not_before, limits.shut) - now
    if one.given_up or one.as_desired:
        return wait
    if not one.ref:
        if not one.post.closing:
            wait = max(wait, one.hold - now)
        keep = min(POST_RESERVE, limits.limits.post_burst - 1.0) if one.in_thread else 0.0
        return max(wait, limits.channel(one.place.channel, now).wait(now, keep))
    keep = EDIT_RESERVE * limits.edits.size * (one.in_thread + (not one.post.closing))
    if not one.post.closing:
        pause = limits.limits.edit_every
        if one.post.slow_edits:
            pause = max(
                pause, min(SLOW_EDIT_SHARE * (one.shown_at - one.made_at), MAX_SLOW_EDIT_PAUSE)
            )
        wait = max(wait, one.shown_at + pause - now)
    return max(wait, limits.edits.wait(now, keep))


def _class(one: PendingPost) -> int:
    """Return the class of `one`: posts of jobs before those in threads; among both new ones first,
    then those with a final state."""
    if not one.ref:
        return 2 if one.in_thread else 0
    return 1 + 2 * one.in_thread if one.post.closing else 4 + one.in_thread
