"""Posts on their way to a front end: what is desired of each, and what is known of the message
that shows it. Pure: time comes in as a number of seconds.

What happens to a post changes it by the method of that name, and by nothing else.
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
    """A post about `subject`, in `place`. Moments are in seconds of the monotonic clock, but
    `since`.

    What is desired: `post`. `updates` counts what it has to bring, `waiting_since` is for how long
    it has; until `hold` it is better posted with its end. `turn` is how many of its subject waited
    before it, `made_at` when it was first desired. `asker` hears alone what cannot be shown.

    What is known of its message: `ref` is the front end's own name of it, `shown` the digest of
    what it shows (empty while that is not known) since `shown_at`, and `recorded` that the database
    holds both. `unsure`: it was sent, and nobody knows whether it arrived; if it is not found from
    `sure_at` on, it did not. `since`, in Unix seconds: when the front end may have had it first.

    What went wrong: `failures` and `faults` (errors that no front end should raise) in a row; it is
    not tried `not_before`, and `held_by` says why, if we know. `given_up`: it will never be shown.
    `outcome_told`: the asker was told alone how it ended; `tellings` counts the tries that failed.
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
        """Whether the message shows what is desired, or never will and that was told."""
        if self.given_up:
            return not self.owes_outcome
        pinned = self.pinned or not self.post.pinned
        return self.recorded and self.as_desired and pinned

    @property
    def owes_outcome(self) -> bool:
        """Whether the asker is still to be told alone how it ended."""
        owed = self.given_up and self.post.closing and bool(self.asker) and not self.post.parent
        return owed and not self.outcome_told

    @property
    def in_thread(self) -> bool:
        """Whether it stands in a thread, and nowhere else."""
        return bool(self.post.parent) and not self.post.broadcast

    @property
    def as_desired(self) -> bool:
        """Whether the message shows what is desired."""
        return bool(self.ref) and self.shown == self.post.digest

    # what is desired

    def desire(self, post: Post, now: float) -> None:
        """Show `post` from now on."""
        if post.digest == self.post.digest and post.closing == self.post.closing:
            return
        if self.up_to_date:
            self.waiting_since = now
        self.post = post
        self.updates += 1

    def backdate(self, waiting_since: float) -> None:
        """It has waited since then, before it came to us, for what we do not know."""
        self.waiting_since, self.held_by = waiting_since, ""

    def hold_for_end(self, until: float) -> None:
        """Wait so long for its end, so that both are said at once."""
        self.hold = until

    # what another bot knew of it

    def resume_shown(self, ref: str, digest: str) -> None:
        """It stands there as `ref`, and shows what has this `digest`, if that is certain."""
        self.ref, self.shown, self.unsure = ref, digest, False

    def resume_sending(self, sure_at: float) -> None:
        """It was sent, or is being sent by somebody else until `sure_at`."""
        self.unsure, self.sure_at = True, sure_at

    def resume_given_up(self, *, outcome_told: bool) -> None:
        """It was given up; the asker may have been told how it ended."""
        self.given_up, self.outcome_told, self.unsure = True, outcome_told, False

    def resume_unsent(self) -> None:
        """It is certainly not there."""
        self.unsure = False

    # what becomes of a call

    def claimed(self, *, in_time: bool) -> None:
        """It is noted as ours to post; if not in time somebody else may have posted it by now."""
        self.unsure = not in_time

    def sending(self) -> None:
        """The front end is asked to post it: until it answers nobody knows."""
        self.unsure = True

    def editing(self) -> None:
        """The front end is asked to edit it: until it answers nobody knows what it shows."""
        self.shown = ""

    def sent(self, ref: str, digest: str, now: float, held_by: str) -> None:
        """Its message is `ref`, and shows what has this `digest`; something else may be desired by
        now. `held_by` is what will keep that back, if anything does."""
        self._is_there(ref, digest, now, held_by)

    def found(self, ref: str, digest: str, now: float, held_by: str) -> None:
        """It was there after all. If what it shows is not known (no `digest`), that is mended at
        once."""
        self._is_there(ref, digest, now, held_by)
        self.shown_at = NEVER

    def _is_there(self, ref: str, digest: str, now: float, held_by: str) -> None:
        self.ref, self.shown = ref, digest
        self.unsure, self.recorded = False, False
        self.shown_at = self.waiting_since = now
        self.updates, self.held_by = int(not self.as_desired), held_by

    def was_recorded(self) -> None:
        """The database holds what its message is and shows."""
        self.recorded = True

    def was_pinned(self) -> None:
        """Its message is kept in sight, or cannot be."""
        self.pinned = True

    def succeeded(self) -> None:
        """A call did what it was to do."""
        self.failures = self.faults = 0

    # what goes wrong

    def lost(self, sure_at: float) -> None:
        """The answer to its sending was lost: from `sure_at` on it is there, or never will be."""
        self.sure_at = sure_at

    def not_sent(self) -> None:
        """The front end certainly did not take it, and that is noted."""
        self.unsure = False

    def failed(self) -> None:
        """A call failed."""
        self.failures += 1

    def faulted(self) -> None:
        """A call met a fault of ours."""
        self.faults += 1

    def wait_until(self, moment: float) -> None:
        """Try again then."""
        self.not_before = moment

    def held(self, until: float, by: str) -> None:
        """It is kept back until then, by what `by` says."""
        self.not_before, self.held_by = max(self.not_before, until), by

    def deleted(self) -> None:
        """Somebody deleted its message: it is desired anew."""
        self.ref = self.shown = ""
        self.unsure, self.recorded, self.pinned = False, True, False

    def give_up(self) -> None:
        """It will never be shown."""
        self.given_up = True

    def told_outcome(self) -> None:
        """The asker was told alone how it ended."""
        self.outcome_told = True

    def telling_failed(self) -> None:
        """The asker could not be told yet."""
        self.tellings += 1


@dataclass(slots=True)
class PendingPosts:
    """The posts of one front end: `waiting`, by channel and key, those that do not show yet what is
    desired; `of_subject` all that are in hand, by subject and key; `refs` the messages of those
    that are shown, by key. `limits` is what the front end lets us do."""

    limits: RateLimits
    waiting: dict[str, dict[str, PendingPost]] = field(default_factory=dict)
    of_subject: dict[str, dict[str, PendingPost]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def beside(self, one: PendingPost) -> Mapping[str, PendingPost]:
        """The posts of the same subject, by key."""
        return self.of_subject.get(one.subject, {})

    def thread(self, one: PendingPost) -> str:
        """Where people asked in a thread all goes there: there are no threads in threads."""
        return one.place.thread or self.refs.get(one.post.parent, "")

    def shown(self, one: PendingPost) -> None:
        """What is to stand in the thread of `one` can be posted now."""
        self.refs[one.post.key] = one.ref

    def deleted(self, one: PendingPost) -> None:
        """Somebody deleted the message of `one`: it is desired anew."""
        self.refs.pop(one.post.key, None)
        one.deleted()
        self.waiting[one.place.channel][one.post.key] = one

    def give_up(self, one: PendingPost) -> None:
        """Neither `one` will be shown nor what can be shown only in its thread."""
        one.give_up()
        for other in self.beside(one).values():
            if other.post.parent == one.post.key and not other.ref:
                other.give_up()

    def hold_all(self, until: float, by: str) -> None:
        """The front end cannot be reached: everything waits."""
        self.limits.shut = max(self.limits.shut, until)
        self._hold(lambda other: True, until, by)

    def hold_kind(self, one: PendingPost, now: float, until: float, by: str) -> None:
        """The front end is asked too much: one that was turned away speaks for all of its kind, the
        new posts in its channel or all edits."""
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
