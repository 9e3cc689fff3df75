"""Silences, which people create, and maintenance windows, which the settings plan.

Sources: Alertmanager's silences (matchers, an end, an author, a comment) and mute_time_intervals;
Icinga's scheduled downtimes, fixed and recurring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import blake2b

from alerts.cron import last_time, next_time
from alerts.labels.matchers import Matchers
from baton.errors import UsageError


@dataclass(frozen=True, slots=True)
class Silence:
    """Mutes the alerts that match from `starts` until `until` (steady seconds)."""

    id: str
    matchers: Matchers
    starts: float
    until: float
    by: str
    reason: str

    @classmethod
    def create(
        cls, matchers: Matchers, seconds: float, by: str, reason: str, at: float, key: str = ""
    ) -> Silence:
        """Return a silence of so many seconds from `at`. The same `key` gives the same silence,
        because what was typed or pressed may be delivered twice. Raises UsageError if the matchers
        match every alert, or if the reason or the duration is missing."""
        if matchers.matches_everything:
            raise UsageError("This would silence every alert: give at least one label value.")
        if not reason.strip():
            raise UsageError("A silence needs a reason: ... because the disk is being replaced.")
        if not seconds > 0:
            raise UsageError("A silence needs a duration: ... for 2h.")
        identity = repr((str(matchers), by, key or at))
        named = blake2b(identity.encode(errors="replace"), digest_size=4)
        return cls(named.hexdigest(), matchers, at, at + seconds, by, reason.strip())

    def expired(self, at: float) -> Silence:
        """Return it with its end at `at`."""
        return replace(self, until=at)

    def active(self, now: float) -> bool:
        """Whether it is active."""
        return self.starts <= now < self.until

    def set_back(self, now: float) -> Silence:
        """Return it with a start that is not later than `now`: the clock may have been set back."""
        ahead = max(self.starts - now, 0.0)
        return replace(self, starts=self.starts - ahead, until=self.until - ahead)


@dataclass(frozen=True, slots=True)
class Window:
    """Planned maintenance: once, from `starts` to `ends`, or `length` seconds from each time of
    `cron`. All times are Unix seconds of the wall clock."""

    matchers: Matchers
    reason: str
    starts: float = 0.0
    ends: float = 0.0
    cron: str = ""
    zone: str = "UTC"
    length: float = 0.0

    def until(self, wall: float) -> float | None:
        """Return when the window that is open at `wall` ends; None if it is not open. Raises
        UnknownZone."""
        if not self.cron:
            return self.ends if self.starts <= wall < self.ends else None
        end = last_time(self.cron, wall, self.zone) + self.length
        return end if wall < end else None

    def next_change(self, wall: float) -> float:
        """Return when it opens or ends next after `wall`; infinite if it never does. Raises
        UnknownZone."""
        end = self.until(wall)
        if end is not None:
            return end
        if self.cron:
            return next_time(self.cron, wall, self.zone)
        return self.starts if wall < self.starts else math.inf
