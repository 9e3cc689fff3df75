"""A schedule, and its firings: each of its times becomes one, whatever came of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from baton.bus.messages import Person
from baton.timing.calendar import UnknownZone, zone
from bot.jobs import Place, short_id
from bot.schedules.parser import Timing

Status = Literal["active", "paused", "ended", "removed"]
Verdict = Literal["started", "queued", "skipped", "missed", "refused", "failed"]
"""`queued`: it waits for the one before it. `missed`: nobody was there. `failed`: it could not be
asked."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`words` ask for the command. `key` is the front end's own id of the ask that made it.

    `nominal` is its next time, by the clock on the wall; `due` when to look at it next. `waiting`
    is a time that waits for the run before it to end. `runs` counts what was begun or tried,
    `failures` those in a row that came to nothing good, `outcome` is what the last one came to.
    `tally` counts what came of each on the day that it names.
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
        """Its id, as people are shown it."""
        return short_id(self.id)

    @property
    def zone(self) -> ZoneInfo:
        """The clocks that its times are shown by: UTC if its own are unknown on this machine."""
        try:
            return zone(self.timing.when.zone)
        except UnknownZone:
            return zone("UTC")

    @property
    def title(self) -> str:
        """`ping prod, every 5m`."""
        return f"{self.words}, {self.timing.words('UTC')}"

    def due_at(self, nominal: datetime) -> datetime:
        """When the firing of `nominal` is due: later by a jitter that is always the same."""
        jitter = self.timing.rules.jitter
        if not jitter:
            return nominal
        mark = f"{self.id}/{nominal.timestamp()}".encode()
        part = int.from_bytes(hashlib.sha256(mark).digest()[:4]) / 2**32
        return nominal + timedelta(seconds=round(part * jitter, 3))

    def local(self, at: datetime) -> str:
        """`at` on its own clocks, for people: `2026-11-24 09:00`."""
        shown = at.astimezone(self.zone)
        return f"{shown:%Y-%m-%d %H:%M:%S}" if shown.second else f"{shown:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class Firing:
    """What became of one of a schedule's times, or of `count` in a row up to `until`.

    `outcome` is what its job came to, `ended` when that was known. `by` is who ran it by hand.
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
    """What was seen of a schedule, for whoever watches over it: a scheduled ping that did not run,
    or was not answered, is something to speak of."""

    schedule: str
    title: str
    words: str
    at: datetime
    good: bool
    text: str
    verdict: Verdict = "started"


@dataclass(frozen=True, slots=True)
class ResultHandling:
    """What becomes of observations with whoever watches over schedules: `keep` is written down for
    them with the firing; `told`: it is they who tell what went wrong, so that no notice does."""

    operation: object = None
    handled: bool = False
