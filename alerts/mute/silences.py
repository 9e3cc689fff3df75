"""Silences that people ask for, and maintenance windows that the settings plan.

Sources: Alertmanager's silences (matchers, an end, an author, a comment) and mute_time_intervals;
Icinga's scheduled downtimes, fixed and recurring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from alerts.cron import last_time, next_time
from alerts.labels.matchers import Matchers


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that `matchers` mean are not told from `starts` until `until` (steady seconds)."""

    id: str
    matchers: Matchers
    starts: float
    until: float
    by: str
    reason: str

    def active(self, now: float) -> bool:
        """Whether it holds."""
        return self.starts <= now < self.until

    def set_back(self, now: float) -> Silence:
        """As it is if it cannot have begun later than `now`: the clock may have been set back."""
        ahead = max(self.starts - now, 0.0)
        return replace(self, starts=self.starts - ahead, until=self.until - ahead)


@dataclass(frozen=True, slots=True)
class Window:
    """Planned maintenance: once, from `starts` to `ends`, or `length` seconds from each time that
    `cron` names. It goes by the clock on the wall: all times are Unix seconds of that one."""

    matchers: Matchers
    reason: str
    starts: float = 0.0
    ends: float = 0.0
    cron: str = ""
    zone: str = "UTC"
    length: float = 0.0

    def until(self, wall: float) -> float | None:
        """When the window that is open at `wall` ends; None if none is. Raises UnknownZone."""
        if not self.cron:
            return self.ends if self.starts <= wall < self.ends else None
        end = last_time(self.cron, wall, self.zone) + self.length
        return end if wall < end else None

    def next_change(self, wall: float) -> float:
        """The first time past `wall` at which it opens or ends; infinite if it never does. Raises
        UnknownZone."""
        end = self.until(wall)
        if end is not None:
            return end
        if self.cron:
            return next_time(self.cron, wall, self.zone)
        return self.starts if wall < self.starts else math.inf
