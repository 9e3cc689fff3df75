"""The times of a cron expression, in Unix seconds of the wall clock. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from baton.timing import calendar


def next_time(cron: str, after: float, zone: str = "UTC") -> float:
    """Return the first time of `cron` after `after`; infinite if there is none.

    `cron` has five fields and is read as Debian's cron reads it, in `zone`, with daylight saving
    time. Raises UnknownZone.
    """
    found = calendar.next_cron(cron, _utc(after), calendar.zone(zone))
    return math.inf if found is None else found.timestamp()


def last_time(cron: str, before: float, zone: str = "UTC") -> float:
    """Return the last time of `cron` at or before `before`; minus infinity if there is none. Raises
    UnknownZone."""
    found = calendar.last_cron(cron, _utc(before), calendar.zone(zone))
    return -math.inf if found is None else found.timestamp()


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
