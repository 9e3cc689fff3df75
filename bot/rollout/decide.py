"""What is to be done with a rollout now. Pure: from its rows and the time to one decision.

Nothing is remembered between two decisions, so a crash, another leader or a pause of a week cost
nothing. What a person says is a row too, and is in the rollout when the next decision is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baton.bus.messages import State
from baton.outcome import duration, named
from bot.rollout.values import BAD_VERSION, BLIND, NOT_BEGUN, Member, Rollout

UNREAD = 60.0
"""Seconds after the healthy time of a server within which it must have been read: then it is asked
whether to go on without."""


@dataclass(frozen=True, slots=True)
class Open:
    """The runs of these servers are to begin; `wave` is theirs."""

    wave: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """There is nothing to do before something happens, or before `until`. `text` says for what;
    `running`: for runs that are under way, as everybody sees."""

    text: str
    until: datetime | None = None
    running: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Nothing goes on until a person says so. `text` says why, and what may be said. `wave` is what
    `let_on` must be then, and `hosts` what must be `overlooked`."""

    text: str
    wave: int
    hosts: frozenset[str] = frozenset()

    @property
    def urgent(self) -> bool:
        """Return whether something went wrong: it is more than a question between two waves."""
        return not self.wave


@dataclass(frozen=True, slots=True)
class Stop:
    """It is stopped for good: what runs is left to its end, and what is held does not begin."""

    text: str


@dataclass(frozen=True, slots=True)
class Revert:
    """What succeeded on these servers is taken back, in this order: the newest wave first."""

    hosts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """There is nothing left to do."""


Decision = Open | Wait | Ask | Stop | Revert | Done


def decide(rollout: Rollout, at: datetime) -> Decision:
    """Return what is to be done at the moment `at`."""
    if rollout.stopped:
        return _after_stop(rollout)
    if not any(one.waits or one.in_flight or _has_it(one) for one in rollout.members):
        return Done()  # nothing is left to go on with, and nothing to take back
    fault = _fault(rollout)
    if fault is not None:
        return fault
    if not any(one.waits for one in rollout.members):
        return _last_wave(rollout, at)
    if rollout.paused:
        return Wait(f"paused {rollout.paused}")
    begun = [one.wave for one in rollout.members if not one.held]
    current, following = max(begun, default=0), _next_wave(rollout)
    if following > current:
        gate = _gate(rollout, current, at)
        if gate is not None:
            return gate
        ask = _between(rollout, current, following)
        if ask is not None:
            return ask
    return _open(rollout, following)


def _fault(rollout: Rollout) -> Decision | None:
    """Return what follows from servers that ended badly; None if it may go on."""
    seen = rollout.overlooked
    blind = [one for one in rollout.members if one.state in BLIND and one.host not in seen]
    if blind:
        # it says nothing of the version: going back because we cannot see would be a guess
        return Ask(
            f"{_are(blind)} {blind[0].state.value}: nobody knows what was done there. "
            f"{_may_say(rollout)}",
            0,
            frozenset(one.host for one in blind),
        )
    failed = [one for one in rollout.members if one.state in BAD_VERSION or rollout.is_worse(one)]
    # one that was sick before, and could not begin, is as sick as it was: nothing new is known
    others = [one for one in rollout.members if one.state in NOT_BEGUN and not one.sick]
    count = sum(one.host not in seen for one in (*failed, *others))
    canary = rollout.settings.canary and any(
        one.wave == 1 and one.host not in seen for one in (*failed, *others)
    )
    if count <= rollout.settings.max_failed and not canary:
        return None
    fresh = [one for one in (*failed, *others) if one.host not in seen]
    text = _why(rollout, fresh)
    bad = [one for one in fresh if one in failed]
    if rollout.settings.back and not rollout.irreversible and bad:
        return Stop(text)
    if rollout.irreversible and rollout.settings.back and bad:
        text += " It has a step that cannot be taken back, so it does not go back by itself."
    return Ask(f"{text} {_may_say(rollout)}", 0, frozenset(one.host for one in fresh))


def _may_say(rollout: Rollout) -> str:
    """Return what people may answer: nothing that would be refused."""
    words = ["`go on`"]
    if rollout.can_undo:
        words.append("`back`")
    if any(one.waits or one.in_flight for one in rollout.members):
        words.append("`cancel`")
    *most, last = words
    return f"Say {', '.join(most)} or {last}." if most else f"Say {last}."


def _has_it(member: Member) -> bool:
    return member.state is State.SUCCEEDED


def _why(rollout: Rollout, members: Sequence[Member]) -> str:
    shown = sorted(members, key=lambda one: one.host)[:5]
    parts = [f"{one.host} {rollout.bad(one) or one.state.value}" for one in shown]
    more = f" and {len(members) - 5} more" if len(members) > 5 else ""
    allowed = rollout.settings.max_failed
    limit = f"; at most {allowed} may fail" if allowed else ""
    return f"{', '.join(parts)}{more}{limit}."


def _next_wave(rollout: Rollout) -> int:
    return min(one.wave for one in rollout.members if one.waits)


def _gate(rollout: Rollout, wave: int, at: datetime) -> Decision | None:
    """Return what the next wave waits for; None if the servers of `wave` are done and well."""
    running = [one for one in rollout.members if one.in_flight]
    if running:
        return Wait(f"wave {wave}: {_are(running)} still running", running=True)
    seconds = rollout.settings.healthy_for
    if not seconds:
        return None
    unread, until = [], None
    for one in rollout.members:
        if one.wave != wave or one.state is not State.SUCCEEDED or one.finished is None:
            continue
        well = one.finished + timedelta(seconds=seconds)
        reading = rollout.readings.get(one.host)
        if at < well:
            until = max(until or well, well)
        elif (reading is None or reading.at < well) and one.host not in rollout.overlooked:
            unread.append((one, well))
    if until is not None:
        return Wait(f"wave {wave} must be healthy for {duration(seconds)}", until)
    if not unread:
        return None
    first = min(well for _, well in unread)
    due = max(first, rollout.seeing_since or first) + timedelta(seconds=UNREAD)
    hosts = [one for one, _ in unread]
    if at < due:
        return Wait(f"waiting for news of {_hosts(hosts)}", due)
    text = f"There is no news of {_hosts(hosts)}: nobody knows whether all is well. "
    return Ask(text + _may_say(rollout), 0, frozenset(one.host for one in hosts))


def _between(rollout: Rollout, wave: int, following: int) -> Ask | None:
    """Return the question before the next wave, if it is to be asked."""
    pause = rollout.settings.pause
    due = pause == "each" or (pause == "first" and wave == 1)
    if not wave or not due or rollout.let_on >= wave:
        return None
    good = sum(one.state is State.SUCCEEDED for one in rollout.members if one.wave == wave)
    whole = sum(one.wave == wave and not one.skipped for one in rollout.members)
    after = sum(one.wave == following and one.waits for one in rollout.members)
    text = f"Wave {wave} is done: {good} of {whole} succeeded. The next wave has {after}. "
    return Ask(text + _may_say(rollout), wave)


def _open(rollout: Rollout, wave: int) -> Decision:
    """Open as many servers of `wave` as may be unavailable beside those that are."""
    unavailable, limit = rollout.unavailable(), rollout.limit
    free = limit - len(unavailable)
    hosts = []
    waiting = [one for one in rollout.members if one.waits and one.wave == wave]
    for one in sorted(waiting, key=lambda one: (not one.sick, one.host)):
        if one.host in unavailable:  # sick before: nobody loses it, and it may be healed
            hosts.append(one.host)
        elif free > 0:
            hosts.append(one.host)
            free -= 1
    if hosts:
        return Open(wave, tuple(hosts))
    if any(one.in_flight for one in rollout.members):
        return Wait(f"wave {wave}: {len(unavailable)} of {limit} unavailable", running=True)
    text = (
        f"{named(sorted(unavailable), 5)} unavailable, and at most {limit} may be: nothing can "
        f"begin. "
    )
    return Ask(f"{text}{_may_say(rollout)}", 0, frozenset(unavailable))


def _last_wave(rollout: Rollout, at: datetime) -> Decision:
    """Return what is left to do when every server has begun: the last wave must be well too."""
    last = max((one.wave for one in rollout.members if not one.held), default=0)
    return _gate(rollout, last, at) or Done()


def _after_stop(rollout: Rollout) -> Decision:
    running = [one for one in rollout.members if one.in_flight]
    if running:
        return Wait(f"stopped; {_are(running)} still running", running=True)
    done = [one for one in rollout.members if one.state is State.SUCCEEDED]
    if not done:
        return Done()
    order = sorted(done, key=lambda one: (-one.wave, one.host))
    return Revert(tuple(one.host for one in order), rollout.stopped)


def _hosts(members: Sequence[Member]) -> str:
    return named(sorted(one.host for one in members), 5)


def _are(members: Sequence[Member]) -> str:
    return f"{_hosts(members)} {'is' if len(members) == 1 else 'are'}"
