"""Alerts that are posted late say so: how late, and why. Pure."""

from __future__ import annotations

from dataclasses import replace

from alerts import AlertContent
from baton.outcome import duration
from bot.content import Post
from bot.fronts.errors import FrontError, Throttled
from bot.posts.pending import PendingPost
from bot.store.errors import DatabaseUnavailable

LATE_AFTER = 5.0
"""Seconds after which a post counts as late."""


def cause_of(error: FrontError | DatabaseUnavailable) -> str:
    """Return why a post is delayed whose call failed with `error`."""
    if isinstance(error, DatabaseUnavailable):
        return "while the database was unavailable"
    front = str(error.facts.get("front", "")) or "the chat"
    if isinstance(error, Throttled):
        return by_limit_of(front)
    return while_unreachable(front)


def while_unreachable(front: str) -> str:
    """Return the words for a front end that could not be reached."""
    return f"while {_named(front)} was unreachable"


def by_limit_of(front: str) -> str:
    """Return the words for a front end that limits the rate of requests."""
    return f"by {_named(front)}'s rate limit"


def backdate(post: Post, wall: float, now: float) -> float | None:
    """Return since when `post` has waited, in monotonic seconds, if it was late before this bot got
    it; else None. The time is `wall` in Unix seconds and `now` in monotonic ones."""
    waited = wall - post.desired_since if post.desired_since else 0.0
    return now - waited if waited >= LATE_AFTER else None


def with_delay_note(one: PendingPost, now: float, front: str, shut: float) -> Post:
    """Return the post of `one` as it is sent at `now` (monotonic seconds): with a note if it is
    about alerts and late.

    A post that stands only in a thread needs no note. `front` could not be reached before `shut`,
    which delayed even the posts whose calls never failed.
    """
    post, content = one.post, one.post.content
    late = now - one.waiting_since
    apart = bool(post.parent) and not post.broadcast
    if (
        not isinstance(content, AlertContent)
        or not post.desired_since
        or apart
        or late < LATE_AFTER
    ):
        return post
    updates = "1 update" if one.updates == 1 else f"{one.updates} updates"
    held_by = one.held_by
    if held_by == by_limit_of(front) and one.waiting_since < shut:
        held_by = while_unreachable(front)
    note = f"delayed {duration(late)} {held_by}" if held_by else f"posted {duration(late)} late"
    return replace(post, content=replace(content, footer=f"{updates} {note}"))


def _named(front: str) -> str:
    return front[:1].upper() + front[1:]
