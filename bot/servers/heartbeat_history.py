"""Compares the latest heartbeats of a server: whether two agents report as it, and whether its
clock agrees with ours. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from baton.bus.messages import Heartbeat
from bot.servers.anomalies import MAX_SKEW, SHOWN_FOR, skew_text

MAX_LIVES = 4

Life = tuple[datetime, str]


@dataclass(slots=True)
class HeartbeatHistory:
    """The history of one server. A life of an agent is identified by its start and its pid."""

    lives: deque[Life] = field(default_factory=lambda: deque(maxlen=MAX_LIVES))
    offsets: deque[float] = field(default_factory=lambda: deque(maxlen=2))
    twins_seen: datetime | None = None
    claimed: tuple[str, datetime] | None = None
    """The environment that it claims to be in without being believed, and when it last did."""

    def record(self, beat: Heartbeat, at: datetime, *, again: bool, live: bool) -> bool:
        """Record a heartbeat that was received at `at`; return whether it shows that two agents
        report as this server.

        `again`: it was delivered before, and shows nothing about the order. `live`: it did not
        wait in RabbitMQ.
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
            self.twins_seen = at
        return returned

    @property
    def skew(self) -> float:
        """The seconds by which its clock is ahead of ours (below 0: behind); 0 while that cannot be
        known. A heartbeat may arrive late, but never before it was sent."""
        best = max(self.offsets, default=0.0)
        return best if best > 0 or len(self.offsets) == self.offsets.maxlen else 0.0

    def notes(self, at: datetime) -> tuple[str, ...]:
        """Return what people should see beside its name."""
        found = []
        if self.twins_seen is not None and (at - self.twins_seen).total_seconds() < SHOWN_FOR:
            found.append("two agents use this name")
        if self.claimed is not None and (at - self.claimed[1]).total_seconds() < SHOWN_FOR:
            found.append(f"claims to be in {self.claimed[0]}")
        if abs(self.skew) > MAX_SKEW:
            found.append(f"clock {skew_text(self.skew)}")
        return tuple(found)


def _life(beat: Heartbeat) -> Life | None:
    started = beat.facts.started
    return None if started is None else (started, str(beat.facts.details.get("pid", "")))
