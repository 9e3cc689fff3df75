"""Posts on their way to a front end: what each must show, and what is known of its message. Pure:
time comes in as a number of seconds.

Each thing that can happen to a post is a method; nothing else changes its state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.content import Post
from bot.jobs import Place
from bot.posts.rate_limits import RateLimits

NEVER = float("-inf")


@dataclass(slots=True)
class PendingPost:
    """A post about `subject`, in `place`. Times are in seconds of the monotonic clock, except
    `since`.

    What is desired: `post`. `updates` counts the changes since the last message, `waiting_since` is
    when the first of them came. Until `hold` a new post waits for its end. `turn` is how many posts
    of the subject waited when this one was made, at `made_at`. What cannot be posted is sent to
    `asker` alone.

    What is known of its message: `ref` is the front end's own name of it, `shown` the digest of
    what it shows since `shown_at` (empty if that is not known). `recorded`: the database holds
    both. `unsure`: it was sent, and nobody knows whether it arrived; if it is not found from
    `sure_at` on, it did not. `since`, in Unix seconds, is when the front end may have had it first.

    What went wrong: the number of `failures`, and of `faults` (errors that no front end should
    raise), in a row. It waits until `not_before`, and `held_by` is the reason, if it is known.
    `given_up`: it will never be posted. `outcome_told`: the asker was sent the result; `tellings`
    counts the calls for that which failed.
    """

    subject: str
    place: Place
    post: Post
    asker: str = ""
    updates: int = 1
    waiting_since: float = 0.0
    hold: float = NEVER
    turn: int = 0
    made_at: float = NEVER
    ref: str = ""
    shown: str = ""
    shown_at: float = NEVER
    recorded: bool = True
    pinned: bool = False
    unsure: bool = False
    sure_at: float = NEVER
    since: float = 0.0
    failures: int = 0
    faults: int = 0
    not_before: float = NEVER
    held_by: str = ""
    given_up: bool = False
    outcome_told: bool = False
    tellings: int = 0

    @property
    def up_to_date(self) -> bool:
        """Whether the message shows what is desired, or never will and the asker knows that."""
        if self.given_up:
            return not self.owes_outcome
        pinned = self.pinned or not self.post.pinned
        return self.recorded and self.as_desired and pinned

    @property
    def owes_outcome(self) -> bool:
        """Whether the asker has yet to be sent the result of what could not be posted."""
        owed = self.given_up and self.post.closing and bool(self.asker) and not self.post.parent
        return owed and not self.outcome_told

    @property
    def in_thread(self) -> bool:
        """Whether it stands in a thread and not in the channel."""
        return bool(self.post.parent) and not self.post.broadcast

    @property
    def as_desired(self) -> bool:
        """Whether the message shows what is desired."""
        return bool(self.ref) and self.shown == self.post.digest

    # what is desired

    def desire(self, post: Post, now: float) -> None:
        """Have it show `post` from now on."""
        if post.digest == self.post.digest and post.closing == self.post.closing:
            return
        if self.up_to_date:
            self.waiting_since = now
        self.post = post
        self.updates += 1

    def backdate(self, waiting_since: float) -> None:
        """Take note that it has waited since then, before this bot got it, for unknown reasons."""
        self.waiting_since, self.held_by = waiting_since, ""

    def hold_for_end(self, until: float) -> None:
        """Let it wait for its end until then, so that both are one message."""
        self.hold = until

    # what another bot knew of it

    def resume_shown(self, ref: str, digest: str) -> None:
        """Another bot posted it as `ref`; `digest` is that of what it shows, if that is certain."""
        self.ref, self.shown, self.unsure = ref, digest, False

    def resume_sending(self, sure_at: float) -> None:
        """Another bot sent it, or may still send it until `sure_at`."""
        self.unsure, self.sure_at = True, sure_at

    def resume_given_up(self, *, outcome_told: bool) -> None:
        """Another bot gave it up, and may have sent the result to the asker."""
        self.given_up, self.outcome_told, self.unsure = True, outcome_told, False

    def resume_unsent(self) -> None:
        """Another bot recorded that it is not in the chat."""
        self.unsure = False

    # what becomes of a call

    def claimed(self, *, in_time: bool) -> None:
        """The database holds our claim to post it. If that was not in time, another bot may have
        posted it by now."""
        self.unsure = not in_time

    def sending(self) -> None:
        """The front end is called to post it: until it answers nobody knows whether it is there."""
        self.unsure = True

    def editing(self) -> None:
        """The front end is called to edit it: until it answers nobody knows what it shows."""
        self.shown = ""

    def sent(self, ref: str, digest: str, now: float, held_by: str) -> None:
        """Its message is `ref`, and shows the content with this `digest`. If something else is
        desired by now, `held_by` is why that waits."""
        self._is_there(ref, digest, now, held_by)

    def found(self, ref: str, digest: str, now: float, held_by: str) -> None:
        """It was in the chat after all. If what it shows is not known (no `digest`), it is edited
        at once."""
        self._is_there(ref, digest, now, held_by)
        self.shown_at = NEVER

    def _is_there(self, ref: str, digest: str, now: float, held_by: str) -> None:
        self.ref, self.shown = ref, digest
        self.unsure, self.recorded = False, False
        self.shown_at = self.waiting_since = now
        self.updates, self.held_by = int(not self.as_desired), held_by

    def was_recorded(self) -> None:
        """The database holds its ref and what it shows."""
        self.recorded = True

    def was_pinned(self) -> None:
        """Its message is pinned, or cannot be."""
        self.pinned = True

    def succeeded(self) -> None:
        """A call succeeded."""
        self.failures = self.faults = 0

    # what goes wrong

    def lost(self, sure_at: float) -> None:
        """The answer of the call was lost: from `sure_at` on it is there, or never will be."""
        self.sure_at = sure_at

    def not_sent(self) -> None:
        """The front end certainly does not have it, and the database holds that."""
        self.unsure = False

    def failed(self) -> None:
        """A call failed."""
        self.failures += 1

    def faulted(self) -> None:
        """A call failed with an unexpected error."""
        self.faults += 1

    def wait_until(self, moment: float) -> None:
        """Let it wait until then."""
        self.not_before = moment

    def held(self, until: float, by: str) -> None:
        """It is delayed until then, for the reason `by`."""
        self.not_before, self.held_by = max(self.not_before, until), by

    def deleted(self) -> None:
        """Somebody deleted its message: it has to be posted again."""
        self.ref = self.shown = ""
        self.unsure, self.recorded, self.pinned = False, True, False

    def give_up(self) -> None:
        """It will never be posted."""
        self.given_up = True

    def told_outcome(self) -> None:
        """The asker was sent the result."""
        self.outcome_told = True

    def telling_failed(self) -> None:
        """The result could not be sent to the asker yet."""
        self.tellings += 1


@dataclass(slots=True)
class PendingPosts:
    """The posts of one front end.

    `waiting` are those that do not show yet what is desired, by channel and key; `of_subject` all
    that are known, by subject and key; `refs` the messages of those that are shown, by key.
    `limits` is what the front end allows.
    """

    limits: RateLimits
    waiting: dict[str, dict[str, PendingPost]] = field(default_factory=dict)
    of_subject: dict[str, dict[str, PendingPost]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def beside(self, one: PendingPost) -> Mapping[str, PendingPost]:
        """Return the posts of the same subject, by key."""
        return self.of_subject.get(one.subject, {})

    def thread(self, one: PendingPost) -> str:
        """Return the thread that `one` goes to. What was asked in a thread stays in that thread:
        there are no threads in threads."""
        return one.place.thread or self.refs.get(one.post.parent, "")

    def shown(self, one: PendingPost) -> None:
        """Take note of the message of `one`: posts in its thread can follow."""
        self.refs[one.post.key] = one.ref

    def deleted(self, one: PendingPost) -> None:
        """Somebody deleted the message of `one`: it has to be posted again."""
        self.refs.pop(one.post.key, None)
        one.deleted()
        self.waiting[one.place.channel][one.post.key] = one

    def give_up(self, one: PendingPost) -> None:
        """Give up `one`, and the posts that can stand only in its thread."""
        one.give_up()
        for other in self.beside(one).values():
            if other.post.parent == one.post.key and not other.ref:
                other.give_up()

    def hold_all(self, until: float, by: str) -> None:
        """Delay everything: the front end cannot be reached."""
        self.limits.shut = max(self.limits.shut, until)
        self._hold(lambda other: True, until, by)

    def hold_kind(self, one: PendingPost, now: float, until: float, by: str) -> None:
        """Delay all posts like `one`, which met the front end's rate limit: all new posts in its
        channel, or all edits."""
        channel = one.place.channel
        if one.ref:
            self.limits.edits.drain(now, until)
            self._hold(lambda other: bool(other.ref), until, by)
        else:
            self.limits.channel(channel, now).drain(now, until)
            self._hold(lambda other: not other.ref and other.place.channel == channel, until, by)

    def _hold(self, which: Callable[[PendingPost], bool], until: float, by: str) -> None:
        for some in self.waiting.values():
            for other in some.values():
                if which(other):
                    other.held(until, by)
