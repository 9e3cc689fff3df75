"""What came late says so: how long it was held, and by what. Pure."""

from __future__ import annotations

from dataclasses import replace

from alerts import AlertContent
from baton.outcome import duration
from bot.content import Post
from bot.fronts.errors import FrontError, Throttled
from bot.posts.pending import PendingPost
from bot.store.errors import DatabaseUnavailable

LATE_AFTER = 5.0
"""Seconds after which what is told is late."""


def cause_of(error: FrontError | DatabaseUnavailable) -> str:
    """What holds a post back that met `error`."""
    if isinstance(error, DatabaseUnavailable):
        return "while the database was unavailable"
    front = str(error.facts.get("front", "")) or "the chat"
    if isinstance(error, Throttled):
        return by_limit_of(front)
    return while_unreachable(front)


def while_unreachable(front: str) -> str:
    """How it is said that a front end could not be reached."""
    return f"while {_named(front)} was unreachable"


def by_limit_of(front: str) -> str:
    """How it is said that a front end takes no more at once."""
    return f"by {_named(front)}'s rate limit"


def backdate(post: Post, wall: float, now: float) -> float | None:
    """Since when `post` has waited, in monotonic seconds, if it was late before it came to us: it
    is `wall` now in Unix seconds, and `now` in monotonic ones."""
    waited = wall - post.desired_since if post.desired_since else 0.0
    return now - waited if waited >= LATE_AFTER else None


def with_delay_note(one: PendingPost, now: float, front: str, shut: float) -> Post:
    """The post of `one` as it goes out `now` (monotonic seconds): if it is about alerts and late,
    with a word about that. What only stands in a thread needs none. `front` could not be reached
    before `shut`: that held back even what never met an error of its own."""
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
    told = f"delayed {duration(late)} {held_by}" if held_by else f"posted {duration(late)} late"
    return replace(post, content=replace(content, footer=f"{updates} {told}"))


def _named(front: str) -> str:
    return front[:1].upper() + front[1:]
