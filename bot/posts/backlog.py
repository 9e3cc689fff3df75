"""The backlog of a front end: what is wanted there, and what is known of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.posts.pending import Budget, Slot


@dataclass(slots=True)
class Backlog:
    """The posts of one front end: `waiting`, by channel and key, those that do not show yet what is
    wanted; `of_job` all that are in hand, by job and key; `refs` the messages of those that are
    shown, by key. `budget` is what the front end lets us do."""

    budget: Budget
    waiting: dict[str, dict[str, Slot]] = field(default_factory=dict)
    of_job: dict[str, dict[str, Slot]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def next_to(self, slot: Slot) -> dict[str, Slot]:
        """The posts of the same job, by key."""
        return self.of_job.get(slot.job, {})

    def thread(self, slot: Slot) -> str:
        """Where people asked in a thread all goes there: there are no threads in threads."""
        return slot.place.thread or self.refs.get(slot.post.parent, "")

    def lost_with(self, slot: Slot) -> list[Slot]:
        """`slot`, and what can be shown only in its thread."""
        under = (each for each in self.next_to(slot).values() if each.post.parent == slot.post.key)
        return [slot, *(each for each in under if not each.ref)]

    def deleted(self, slot: Slot) -> None:
        """Somebody deleted the message of `slot`: it is wanted anew."""
        self.refs.pop(slot.post.key, None)
        slot.ref, slot.shown, slot.unsure, slot.noted = "", "", False, True
        slot.pinned = False
        self.waiting[slot.place.channel][slot.post.key] = slot

    def hold(self, which: Callable[[Slot], bool], until: float, by: str) -> None:
        """Let what waits wait longer: one that was turned away speaks for all of its kind."""
        for slots in self.waiting.values():
            for other in slots.values():
                if which(other):
                    other.not_before = max(other.not_before, until)
                    other.held_by = by

    def hold_kind(self, slot: Slot, now: float, until: float, by: str) -> None:
        """Of a front end that is asked too much: new posts in the channel wait, or all edits."""
        channel = slot.place.channel
        if slot.ref:
            self.budget.edits.drain(now, until)
            self.hold(lambda other: bool(other.ref), until, by)
        else:
            self.budget.channel(channel, now).drain(now, until)
            self.hold(lambda other: not other.ref and other.place.channel == channel, until, by)
