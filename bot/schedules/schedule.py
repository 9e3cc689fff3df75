"""A schedule and its firings: each of its times becomes one, whatever the result. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from baton.bus.messages import Person
from baton.timing.calendar import UnknownZone, zone
from bot.jobs import Place, short_id
from bot.schedules.parser import Timing
from bot.schedules.times import upcoming

Status = Literal["active", "paused", "ended", "removed"]
Verdict = Literal["started", "queued", "skipped", "missed", "refused", "failed"]
"""`queued`: it waits for the previous run. `missed`: no bot was running. `failed`: it could not be
started."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of the command in `words`. `key` is the front end's own id of the request for it.

    `nominal` is its next time without jitter; `due` is when the scheduler must look at it next.
    `waiting` is a time that waits for the previous run to end. `runs` counts what was started or
    tried, `failures` the unsuccessful ones in a row; `outcome` is the result of the last one.
    `tally` counts the results of the day `day`, by kind.
    """

    id: str
    key: str
    words: str
    timing: Timing
    owner: Person
    place: Place
    created: datetime
    status: Status = "active"
    note: str = ""
    nominal: datetime | None = None
    due: datetime | None = None
    waiting: datetime | None = None
    runs: int = 0
    failures: int = 0
    outcome: str = ""
    tally: Mapping[str, int] = field(default_factory=dict)
    day: str = ""
    revision: int = 0

    @property
    def short(self) -> str:
        """Its id, as it is shown to people."""
        return short_id(self.id)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its times are shown: UTC if its own is unknown on this machine."""
        try:
            return zone(self.timing.when.zone)
        except UnknownZone:
            return zone("UTC")

    @property
    def title(self) -> str:
        """`ping prod, every 5m`."""
        return f"{self.words}, {self.timing.words('UTC')}"

    def due_at(self, nominal: datetime) -> datetime:
        """Return when the firing of `nominal` is due: later by a jitter that is always the same."""
        jitter = self.timing.rules.jitter
        if not jitter:
            return nominal
        mark = f"{self.id}/{nominal.timestamp()}".encode()
        part = int.from_bytes(hashlib.sha256(mark).digest()[:4]) / 2**32
        return nominal + timedelta(seconds=round(part * jitter, 3))

    def next_times(self, count: int) -> list[datetime]:
        """Return at most `count` of its next times, in UTC: none if it does not run again, and only
        the very next if this machine does not know its time zone."""
        if self.nominal is None:
            return []
        rules, times = self.timing.rules, [self.nominal]
        try:
            times += islice(upcoming(self.timing.when, self.nominal, self.created), count - 1)
        except UnknownZone:
            return times
        if rules.until is not None:
            clocks = self.zone
            local = ((at, at.astimezone(clocks).replace(tzinfo=None)) for at in times)
            times = [at for at, shown in local if shown <= rules.until]
        if rules.times is not None:
            times = times[: max(rules.times - self.runs, 0)]
        return times

    def local(self, at: datetime) -> str:
        """Write `at` in its own time zone, for people: `2026-11-24 09:00`."""
        shown = at.astimezone(self.zone)
        return f"{shown:%Y-%m-%d %H:%M:%S}" if shown.second else f"{shown:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class Firing:
    """What became of one of a schedule's times, or of `count` in a row up to `until`.

    `outcome` is the result of its job, `ended` when it was known. `by` is who started it by hand.
    """

    schedule: str
    nominal: datetime
    at: datetime
    verdict: Verdict
    reason: str = ""
    job: str = ""
    count: int = 1
    until: datetime | None = None
    outcome: str = ""
    ended: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """A result of a schedule, for alerts: a scheduled ping that did not run, or that was not
    answered, can be one."""

    schedule: str
    title: str
    words: str
    at: datetime
    good: bool
    text: str
    verdict: Verdict = "started"


@dataclass(frozen=True, slots=True)
class ResultHandling:
    """What alerts do with results: `operation` is stored for them with the firing; `handled`: they
    notify people, so that no notice is posted."""

    operation: object = None
    handled: bool = False
