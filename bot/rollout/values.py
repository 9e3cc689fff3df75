"""A rollout as it is: its servers, how healthy they are, and what people said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from baton.bus.messages import State
from bot.rollout.settings import RolloutSettings
from bot.rollout.state import RolloutState

BAD_VERSION = frozenset({State.FAILED})
"""How a run ends that says something of the new version."""
NOT_BEGUN = frozenset({State.REFUSED, State.EXPIRED, State.UNROUTABLE, State.BLOCKED})
"""How a run ends whose server is as it was before: it says nothing of the version."""
BLIND = frozenset({State.LOST, State.INTERRUPTED})
"""How a run ends of which nobody knows what it has done."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was known of a server at that moment: what is `bad`, empty if nothing is, and `since`
    when, if that is known."""

    at: datetime
    bad: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A server of a rollout. `wave` counts from 1; it is 0 for one that ended before the first wave
    began: nothing was sent to it. `held` means that its run waits for its wave;
    `sick`, that it was missing or unhealthy before the rollout began; `skipped`, that somebody said
    to leave it as it is. `started` and `finished` are when its run did."""

    host: str
    wave: int
    state: State
    held: bool = False
    sick: bool = False
    skipped: bool = False
    finished: datetime | None = None
    started: datetime | None = None

    @property
    def waits(self) -> bool:
        """Return whether it is still to begin."""
        return self.held and not self.skipped

    @property
    def in_flight(self) -> bool:
        """Return whether its run has begun, and has not ended."""
        return not self.held and not self.state.final


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout of a job.

    `readings` are the last ones of its servers, by host. `paused` is why somebody paused it, empty
    if nobody did. `let_on` is the last wave after which somebody let it go on, and `overlooked` are
    the servers whose end somebody has seen, and let it go on nevertheless. With `irreversible` the
    command does not go back by itself. `stopped` is why it was stopped for good. `can_undo`: there
    is a command that takes it back. `seeing_since` is since when servers can be seen, if that is
    known: what was not seen before that is no silence.
    """

    settings: RolloutSettings
    members: Sequence[Member]
    readings: Mapping[str, Reading] = field(default_factory=dict)
    paused: str = ""
    let_on: int = 0
    overlooked: frozenset[str] = frozenset()
    irreversible: bool = False
    stopped: str = ""
    can_undo: bool = True
    seeing_since: datetime | None = None

    @classmethod
    def of(
        cls,
        state: RolloutState,
        members: Sequence[Member],
        readings: Mapping[str, Reading],
        *,
        irreversible: bool = False,
    ) -> Rollout:
        """Return the rollout that is written as `state`, with these members."""
        return cls(
            state.settings,
            members,
            readings,
            state.paused,
            state.let_on,
            state.overlooked,
            irreversible,
            state.stopped,
            state.can_undo,
        )

    @property
    def limit(self) -> int:
        """Return how many servers may be unavailable at a time."""
        portion = self.settings.max_unavailable or self.settings.wave
        return len(self.members) if portion is None else portion.of(len(self.members))

    def bad(self, member: Member) -> str:
        """Return what is wrong with a server that has the new version; empty if nothing is known
        to be: what was read before it was switched says nothing."""
        reading = self.readings.get(member.host)
        if member.state is not State.SUCCEEDED or reading is None or member.finished is None:
            return ""
        return reading.bad if reading.at > member.finished else ""

    def is_worse(self, member: Member) -> bool:
        """Return whether a server is unhealthy that was well before it was changed: of one that was
        sick already, this says nothing of the version."""
        if not self.bad(member) or member.sick:
            return False
        since = self.readings[member.host].since
        return since is None or member.started is None or since > member.started

    def unavailable(self) -> set[str]:
        """Return the servers that cannot be relied on now: those that are being changed, that ended
        badly or blindly, that are unhealthy, and that were sick before and have not been healed.
        One that somebody overlooks does not count."""
        return {one.host for one in self.members if self._is_unavailable(one)}

    def _is_unavailable(self, member: Member) -> bool:
        if member.in_flight:
            return True
        if member.host in self.overlooked:
            return False
        if not member.wave:
            return member.sick
        if member.state is State.SUCCEEDED:
            return bool(self.bad(member))
        return member.sick or (not member.held and member.state not in NOT_BEGUN)
