"""What the heartbeats of a server show, beside the last of them: whether two agents speak for it,
and whether its clock agrees with ours. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from alerts import Severity
from baton.messages import Heartbeat
from baton.outcome import duration
from bot.findings import Finding

SKEW = 30.0
"""Seconds by which a clock may be off before it is told."""
TOLD = 900.0
"""Seconds for which what was noticed is shown, unless it is noticed again."""
FEW = 3
"""With fewer servers than this nobody can say whose clock is off."""
LIVES = 4

Life = tuple[datetime, str]


@dataclass(slots=True)
class Trace:
    """Of one server. A life of an agent is known by when it started, and its pid."""

    lives: deque[Life] = field(default_factory=lambda: deque(maxlen=LIVES))
    offsets: deque[float] = field(default_factory=lambda: deque(maxlen=2))
    twins: datetime | None = None
    elsewhere: tuple[str, datetime] | None = None
    """The environment that it claims to be in and is not believed, and when it said so last."""

    def note(self, beat: Heartbeat, at: datetime, *, again: bool, live: bool) -> bool:
        """Take note of a heartbeat heard at `at`; whether it shows that two agents speak.

        `again`: it was delivered before, and says nothing of the order. `live`: it did not wait on
        the bus.
        """
        if again:
            return False
        if live:
            self.offsets.append((beat.time - at).total_seconds())
        life = _life(beat)
        if life is None or (self.lives and life == self.lives[-1]):
            return False
        # a restart brings a life that was not known; one that comes back was never over
        returned = life in self.lives and not beat.leaving
        if life in self.lives:
            self.lives.remove(life)
        self.lives.append(life)
        if returned:
            self.twins = at
        return returned

    @property
    def skew(self) -> float:
        """By how many seconds its clock is ahead of ours (below 0: behind), if that can be said; 0
        if it cannot. A heartbeat may have come late, but never before it was sent."""
        best = max(self.offsets, default=0.0)
        return best if best > 0 or len(self.offsets) == self.offsets.maxlen else 0.0

    def notes(self, at: datetime) -> tuple[str, ...]:
        """What people should see beside its name."""
        found = []
        if self.twins is not None and (at - self.twins).total_seconds() < TOLD:
            found.append("two agents of this name")
        if self.elsewhere is not None and (at - self.elsewhere[1]).total_seconds() < TOLD:
            found.append(f"says it is in {self.elsewhere[0]}")
        if abs(self.skew) > SKEW:
            found.append(f"clock {off(self.skew)}")
        return tuple(found)


def off(skew: float) -> str:
    """`5 min 2 s ahead`."""
    return f"{duration(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def _against(skew: float) -> str:
    return f"{off(skew)} of" if skew > 0 else off(skew)


def twins(host: str, environment: str) -> Finding:
    """That two agents call themselves `host`."""
    text = (
        f"Two agents call themselves {host}. Requests go to one of them, and it may not be the "
        "server that you mean. Stop one, or give it another name (`fqdn` under [server] of its "
        "agent.toml, or BATON_FQDN)."
    )
    return Finding("twins", text, {"host": host, "env": environment}, Severity.CRITICAL, TOLD)


def skewed(host: str, environment: str, skew: float) -> Finding:
    """That the clock of a server is off."""
    text = (
        f"The clock of {host} is {_against(skew)} this bot's. Times in its logs are wrong; set "
        "it by NTP (`timedatectl`)."
    )
    return Finding("clock", text, {"host": host, "env": environment}, lasts=TOLD)


def ours(skews: list[float]) -> Finding | None:
    """That it is the clock of this bot which is off, if that of most servers differs from it."""
    wrong = [skew for skew in skews if abs(skew) > SKEW]
    if len(skews) < FEW or 2 * len(wrong) <= len(skews):
        return None
    middle = sorted(wrong)[len(wrong) // 2]
    text = (
        f"The clock of this bot is {_against(-middle)} those of {len(wrong)} of {len(skews)} "
        "servers: it is probably wrong. Set it by NTP (`timedatectl`)."
    )
    return Finding("clock", text, {"host": "the bot"}, lasts=TOLD)


def moved(host: str, old: str, new: str, *, believed: bool) -> Finding:
    """That a server says it is in another environment."""
    if believed:
        text = (
            f"{host} has moved from {old} to {new}: its agent says so, by its own account. Rules "
            f"for {new} hold for it from now on."
        )
    else:
        text = (
            f"{host} is in {old}, and something that calls itself {host} says it is in {new}. It "
            f"is not believed. If you moved the server, say `/baton forget {host}`; if not, find "
            "out who says so."
        )
    severity = Severity.WARNING if believed else Severity.CRITICAL
    return Finding("moved", text, {"host": host, "env": old}, severity, TOLD)


def _life(beat: Heartbeat) -> Life | None:
    started = beat.facts.started
    return None if started is None else (started, str(beat.facts.details.get("pid", "")))
