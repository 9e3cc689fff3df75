"""Which post goes next, and when. Pure: time comes in as a number of seconds.

A front end limits us: so many new posts in a channel, so many edits for everything together. What
waits is merged, since each post shows the latest state; what ends a job goes before what is on its
way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.front import Limits, Post
from bot.jobs import Place
from bot.ratelimit import Bucket

RESERVE = 0.3
"""The share of the edits that only posts with a final state may use."""


@dataclass(slots=True)
class Slot:
    """A post on its way: what is wanted, and what is known of the message that shows it.

    `ref` is the front end's own name of the message, `shown` the digest of what it shows (empty
    while that is not known), and `noted` that the database holds both. `unsure`: it was sent, and
    nobody knows whether it arrived; if it is not found from `sure_at` on, it did not. `updates`
    counts what it has to bring, and `held_by` says what keeps it back, if we know. Moments are
    in seconds of the monotonic clock, but `since`, in Unix seconds: when the front end may have
    had it first. `faults` counts errors that no front end should raise.
    """

    job: str
    place: Place
    post: Post
    asker: str = ""
    ref: str = ""
    shown: str = ""
    noted: bool = True
    unsure: bool = False
    sure_at: float = float("-inf")
    since: float = 0.0
    waiting_since: float = 0.0
    shown_at: float = float("-inf")
    not_before: float = float("-inf")
    failures: int = 0
    faults: int = 0
    given_up: bool = False
    pinned: bool = False
    updates: int = 1
    held_by: str = ""

    @property
    def settled(self) -> bool:
        """Whether the message shows what is wanted, or never will."""
        pinned = self.pinned or not self.post.pinned
        return self.given_up or (self.noted and self.as_wanted and pinned)

    @property
    def as_wanted(self) -> bool:
        """Whether the message shows what is wanted."""
        return bool(self.ref) and self.shown == self.post.digest


@dataclass(slots=True)
class Budget:
    """What a front end lets us do: `posts` in each channel, `edits` altogether, and before `shut`
    nothing."""

    limits: Limits
    edits: Bucket
    posts: dict[str, Bucket] = field(default_factory=dict)
    shut: float = float("-inf")

    @classmethod
    def of(cls, limits: Limits, now: float) -> Budget:
        """A budget that has not been used."""
        per_second = limits.edits_per_minute / 60.0
        return cls(limits, Bucket.full(per_second, limits.edits_per_minute / 4, now))

    def channel(self, name: str, now: float) -> Bucket:
        """The posts of one channel."""
        if name not in self.posts:
            rate = 1.0 / self.limits.post_every
            self.posts[name] = Bucket.full(rate, float(self.limits.post_burst), now)
        return self.posts[name]


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now: `slot`, or nothing for `wait` seconds (None: until something new is
    wanted)."""

    slot: Slot | None = None
    wait: float | None = None


def choose(slots: Iterable[Slot], refs: dict[str, str], budget: Budget, now: float) -> Next:
    """The slot of one channel that goes next.

    `refs` are the messages of posts that are shown, by key: a post in a thread waits for its
    parent.
    """
    best: Slot | None = None
    soonest: float | None = None
    for slot in slots:
        if slot.settled or (slot.post.parent and slot.post.parent not in refs):
            continue
        wait = _wait(slot, budget, now)
        if wait > 0:
            soonest = wait if soonest is None else min(soonest, wait)
        elif best is None or _rank(slot) < _rank(best):
            best = slot
    return Next(best) if best is not None else Next(wait=soonest)


def _wait(slot: Slot, budget: Budget, now: float) -> float:
    wait = max(slot.not_before, budget.shut) - now
    if slot.as_wanted:
        return wait
    if not slot.ref:
        return max(wait, budget.channel(slot.place.channel, now).wait(now))
    keep = 0.0 if slot.post.closing else RESERVE * budget.edits.size
    if not slot.post.closing:
        wait = max(wait, slot.shown_at + budget.limits.edit_every - now)
    return max(wait, budget.edits.wait(now, keep))


def _rank(slot: Slot) -> tuple[bool, bool, float]:
    """Posts that are not there yet, then final states, then what waits longest."""
    return (bool(slot.ref), not slot.post.closing, slot.waiting_since)
