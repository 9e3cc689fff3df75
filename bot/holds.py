"""Holds: what a job waits for before it starts, and what people have said about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from baton.bus.messages import Person
from baton.bus.signing.approval import MOST, Approval
from baton.bus.signing.approval import Approvals as Signatures
from baton.outcome import duration
from bot.rollout.state import RolloutState
from bot.signers import Signers, unsigned

ANYBODY = "*"
"""What stands in a vote beside the names of the rules if its person may ask for the same: it counts
for the rules that name nobody."""


class Verdict(StrEnum):
    """What somebody says about a job that is held."""

    APPROVE = "approve"
    DENY = "deny"
    CONFIRM = "confirm"


class Approvals(BaseModel):
    """So many people have to approve, each of them one of `of`: IDs of people, and user groups by
    handle or ID. If `of` is empty it is whoever may ask for the same."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    need: int
    of: tuple[str, ...] = ()

    @property
    def whom(self) -> str:
        """Who may approve, in words: `@leads`."""
        if not self.of:
            return "whoever may ask for the same"
        return " or ".join(who if _is_id(who) else f"@{who}" for who in self.of)


class Hold(BaseModel):
    """What a job waits for, from `since` until `until` at the latest.

    `confirm`: its asker has to confirm it. `approvals`: each of these has to be complete.
    `accept_within` is how many seconds a server has to take it up once it starts. `environments`
    are those of its servers, by host, if they are not all in the one that the job names.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: datetime
    until: datetime
    confirm: bool = False
    approvals: tuple[Approvals, ...] = ()
    accept_within: float = 60.0
    environments: Mapping[str, str] = Field(default_factory=dict)
    whole: bool = False
    """Whether it is for all servers that its words mean, so that a new one is too."""
    survey: bool = False
    """Whether its servers can say what would change: there is no plan before they have."""
    changed: tuple[str, ...] = ()
    """What is not as it was when people were asked first: they are asked anew."""
    beside: tuple[str, ...] = ()
    """The jobs that wait for the same target."""
    waits: str = ""
    """Why it does not start although people have agreed."""
    warning: str = ""
    """What was said when most of its time was over."""
    opened: datetime | None = None
    """When it started."""
    signatures: Signatures = ()
    """The approvals that people signed with keys of their own, for servers that count them."""
    rollout: RolloutState | None = None
    """How it goes through its servers; None if all begin at once."""
    undoes: str = ""
    """The job that it takes back, as was said when that was asked for: no gate is asked again."""
    signers: tuple[Signers, ...] = ()
    """Whose signatures its servers count."""

    def signed(self, approval: Approval) -> Hold:
        """Return it with one more signature; the last one of each key stays."""
        others = [one for one in self.signatures if one.key != approval.key]
        return self.model_copy(update={"signatures": (*others, approval)[-MOST:]})

    @property
    def rolling(self) -> bool:
        """Whether it goes through its servers: it has started, and has to be looked after."""
        return self.opened is not None and self.rollout is not None and not self.rollout.over

    @property
    def warn_at(self) -> datetime:
        """When three quarters of its time are over."""
        return self.since + (self.until - self.since) * 3 / 4

    def takes_votes(self, at: datetime) -> bool:
        """Return whether what people say at that moment counts: it has not started, and its time
        is not over, even if nobody has written yet that it is."""
        return self.opened is None and at < self.until

    def takes_signatures(self, at: datetime) -> bool:
        """Return whether its plan may be signed anew at that moment: it goes in waves, and a server
        counts a signature for a day."""
        return self.opened is not None and at < self.until

    @property
    def named(self) -> frozenset[str]:
        """Everybody, and every group, that may approve by name."""
        return frozenset(who for one in self.approvals for who in one.of)


@dataclass(frozen=True, slots=True)
class Vote:
    """What `person`, of the chat `directory`, said about a job: one vote each.

    `plan` is the digest of what it was about. `groups` are those names of the job's rules that
    stand for the person: their ID, and groups that they are in; and ANYBODY.
    """

    person: Person
    directory: str
    verdict: Verdict
    at: datetime
    plan: str = ""
    groups: frozenset[str] = frozenset()
    because: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a job may not start now although people agree; `final`: it never may."""

    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Clear:
    """Nothing hinders a job from starting. `fences` is the number of the last lock of each
    environment that has had one, as it was when the gates were looked at."""

    fences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a hold is: whether its asker has to `confirm` still, how many have approved under
    each rule, and which signatures its servers lack."""

    confirm: bool
    counts: tuple[tuple[Approvals, int], ...]
    unsigned: str = ""

    @property
    def complete(self) -> bool:
        """Whether people have said all that is needed."""
        return not self.confirm and self.approved and not self.unsigned

    @property
    def approved(self) -> bool:
        """Whether enough have approved, signed or not."""
        return all(have >= rule.need for rule, have in self.counts)

    @property
    def words(self) -> str:
        """What is needed, such as `approvals 1 of 2 (@leads may)`."""
        parts = ["its asker has to confirm it"] if self.confirm else []
        parts += [
            f"approvals {min(have, rule.need)} of {rule.need} ({rule.whom} may)"
            for rule, have in self.counts
        ]
        return "; ".join(filter(None, [*parts, self.unsigned]))


def tally(hold: Hold, votes: Sequence[Vote], plan: str) -> Tally:
    """Return how far `hold` is by `votes`: those about another plan do not count."""
    about = [vote for vote in votes if vote.plan == plan]
    confirmed = any(vote.verdict is Verdict.CONFIRM for vote in about)
    approved = [vote for vote in about if vote.verdict is Verdict.APPROVE]
    counts = tuple(
        (rule, sum(bool(vote.groups & set(rule.of or (ANYBODY,))) for vote in approved))
        for rule in hold.approvals
    )
    return Tally(hold.confirm and not confirmed, counts, unsigned(hold.signers, hold.signatures))


def waits_for(hold: Hold, votes: Sequence[Vote], plan: str, servers: int) -> str:
    """Return what a held job waits for, in words."""
    if hold.opened is not None:
        return hold.waits or "its next wave begins"
    if hold.survey and not plan:
        whom = f"{servers} server{'s' * (servers != 1)}" if servers else "its servers"
        return f"asking {whom} what would change"
    found = tally(hold, votes, plan)
    words = found.words if not found.complete or not hold.waits else ""
    return "; ".join(filter(None, [words, hold.waits]))


def agreed(votes: Iterable[Vote]) -> str:
    """Return who has agreed, in words: `approved by bea and cem, confirmed by ann`."""
    parts = []
    for verdict, word in ((Verdict.APPROVE, "approved"), (Verdict.CONFIRM, "confirmed")):
        who = [vote.person.label for vote in votes if vote.verdict is verdict]
        if who:
            *most, last = who
            parts.append(f"{word} by {', '.join(most)} and {last}" if most else f"{word} by {last}")
    return ", ".join(parts)


def expired(hold: Hold, votes: Sequence[Vote], plan: str) -> str:
    """Return why a job, or a wave of it, that was held did not start in time: nobody has denied
    it."""
    within = duration((hold.until - hold.since).total_seconds())
    if hold.opened is not None:
        return f"its wave did not begin within {within}: {hold.waits or 'no bot was there'}"
    if hold.survey and not plan:
        return f"not started within {within}: its servers did not say what would change"
    found = tally(hold, votes, plan)
    if found.complete:
        return f"not started within {within}: {hold.waits or 'no bot was there to start it'}"
    word = "confirmed" if found.approved and not found.unsigned else "approved"
    return f"not {word} within {within}: {found.words}"


def denied(vote: Vote) -> str:
    """Return what a run says whose job was denied by `vote`."""
    return f"denied by {vote.person.label}" + (f": {vote.because}" if vote.because else "")


def _is_id(who: str) -> bool:
    return who.isupper() and who[:1] in "UWS"
