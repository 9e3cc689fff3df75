"""Which post goes next, and when. Pure: time comes in as a number of seconds.

A front end limits us: so many new posts in a channel, so many edits for everything together. What
waits is merged, since each post shows the latest state. Posts of jobs go before what stands in
threads, and what ends before what is on its way; threads take turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.content import Post
from bot.fronts.protocol import Limits
from bot.jobs import Place
from bot.ratelimit import Bucket

RESERVE = 0.3
"""The share of the edits that only posts of jobs with a final state may use; what is on its way
leaves as much again."""
FIRST = 1.0
"""New posts that threads leave to the posts of jobs in a channel."""
TURN = 3.0
"""Seconds by which each further post of a job that waits goes behind: threads take turns."""

LEISURE, LEISURE_MOST = 0.5, 30.0
"""An edit at leisure waits for this share of the post's age, and so many seconds at most."""


@dataclass(slots=True)
class Slot:
    """A post on its way: what is wanted, and what is known of the message that shows it.

    `ref` is the front end's own name of the message, `shown` the digest of what it shows (empty
    while that is not known), and `noted` that the database holds both. `unsure`: it was sent, and
    nobody knows whether it arrived; if it is not found from `sure_at` on, it did not. `updates`
    counts what it has to bring, and `held_by` says what keeps it back, if we know. Moments are
    in seconds of the monotonic clock, but `since`, in Unix seconds: when the front end may have
    had it first. Until `hold` it is better posted with its end. `faults` counts errors that no
    front end should raise. `parted`: who asked was told alone how it ended, as it cannot be shown;
    `tellings` counts the tries that failed. `turn` is how many of its job waited before it, and
    `made_at` when it was first wanted.
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
    hold: float = float("-inf")
    parted: bool = False
    tellings: int = 0
    turn: int = 0
    made_at: float = float("-inf")

    @property
    def settled(self) -> bool:
        """Whether the message shows what is wanted, or never will and that was told."""
        if self.given_up:
            return not self.to_part
        pinned = self.pinned or not self.post.pinned
        return self.noted and self.as_wanted and pinned

    @property
    def to_part(self) -> bool:
        """Whether who asked is still to be told alone how it ended."""
        owed = self.given_up and self.post.closing and bool(self.asker) and not self.post.parent
        return owed and not self.parted

    @property
    def apart(self) -> bool:
        """Whether it stands in a thread, and nowhere else."""
        return bool(self.post.parent) and not self.post.broadcast

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
    best: tuple[tuple[int, float], Slot] | None = None
    soonest: float | None = None
    behind: set[str] = set()
    for slot in slots:
        if slot.settled or (slot.post.parent and slot.post.parent not in refs):
            continue
        # a thread has the order of its list, a channel that of what was asked
        in_turn = not slot.ref and (slot.apart or bool(slot.post.hold_until))
        in_turn = in_turn and not slot.post.broadcast and not slot.given_up
        if in_turn and slot.post.parent in behind:
            continue
        wait = _wait(slot, budget, now)
        rank = (_class(slot), slot.waiting_since + TURN * slot.turn)
        if wait > 0:
            soonest = wait if soonest is None else min(soonest, wait)
            if in_turn and (slot.apart or slot.hold > now):
                behind.add(slot.post.parent)
        elif best is None or rank < best[0]:
            best = rank, slot
    return Next(best[1]) if best is not None else Next(wait=soonest)


def _wait(slot: Slot, budget: Budget, now: float) -> float:
    wait = max(slot.not_before, budget.shut) - now
    if slot.given_up or slot.as_wanted:
        return wait
    if not slot.ref:
        if not slot.post.closing:
            wait = max(wait, slot.hold - now)
        keep = min(FIRST, budget.limits.post_burst - 1.0) if slot.apart else 0.0
        return max(wait, budget.channel(slot.place.channel, now).wait(now, keep))
    keep = RESERVE * budget.edits.size * (slot.apart + (not slot.post.closing))
    if not slot.post.closing:
        pause = budget.limits.edit_every
        if slot.post.leisure:
            pause = max(pause, min(LEISURE * (slot.shown_at - slot.made_at), LEISURE_MOST))
        wait = max(wait, slot.shown_at + pause - now)
    return max(wait, budget.edits.wait(now, keep))


def _class(slot: Slot) -> int:
    """Posts of jobs before what stands in threads; of both what is not there yet, then final
    states."""
    if not slot.ref:
        return 2 if slot.apart else 0
    return 1 + 2 * slot.apart if slot.post.closing else 4 + slot.apart
