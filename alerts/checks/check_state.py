"""The state of one check. It is kept small, because there may be tens of thousands of checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from alerts.checks import flapping
from alerts.checks.heartbeats import Rhythm
from alerts.checks.recent_results import RecentResults, Result
from alerts.checks.settings import FlappingTable, HeartbeatTable
from alerts.checks.threshold import Thresholds, step
from alerts.labels import Labels
from alerts.observation import Sample

MAX_KNOWN_IDS = 32
"""The number of IDs of pushed alerts that are remembered for one check."""
MAX_REPEAT = 7 * 86400.0
SAVE_INTERVAL = 300.0
"""Seconds between two writes of what changes with every observation: intervals and last results."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The state of a check as it is stored: plain values, times in steady seconds. A `forgotten`
    row keeps only the number, so that no later episode gets the name of an old one."""

    fingerprint: str
    labels: tuple[tuple[str, str], ...] = ()
    source: str = ""
    bad: bool = False
    down: bool = False
    run: int = 0
    bits: int = 0
    changes: tuple[float, ...] = ()
    flapping: bool = False
    number: int = 0
    received: Annotated[float, Field(alias="heard")] = 0.0
    due: float | None = None
    interval: float = 0.0
    gaps: tuple[float, ...] = ()
    leaving: bool = False
    forgotten: bool = False
    awaited: bool = False
    recent: tuple[Result, ...] = ()
    began: float = 0.0
    over: float = 0.0
    repeat: float = 0.0
    known: tuple[str, ...] = ()


class CheckState:
    """The state of one check: its hard and soft state, its recent changes, and when the next
    observation is due.

    `due` is when a missing observation begins to count, infinite if it never does. `received` is
    the time of the last observation; `awaited` means that there was none yet, and then `received`
    is the time since which we wait.

    The following fields are about pushed alerts. `began` and `over` are when the alert last started
    and ended according to the sender, in Unix seconds of its clock, 0 if it did not say. `repeat`
    is the longest pause, in seconds, after which the sender repeated a firing alert. `known` holds
    the last IDs that were pushed.
    """

    __slots__ = (
        "awaited",
        "bad",
        "began",
        "bits",
        "changes",
        "down",
        "due",
        "flapping",
        "known",
        "labels",
        "leaving",
        "number",
        "over",
        "received",
        "recent",
        "repeat",
        "rhythm",
        "run",
        "saved",
        "source",
    )

    def __init__(self, labels: Labels, source: str, number: int = 0) -> None:
        self.labels, self.source, self.number = labels, source, number
        self.bad = self.down = self.flapping = self.leaving = self.awaited = False
        self.run = self.bits = 0
        self.changes: tuple[float, ...] = ()
        self.received, self.due, self.saved = 0.0, math.inf, -math.inf
        self.rhythm: Rhythm | None = None
        self.recent = RecentResults()
        self.began = self.over = self.repeat = 0.0
        self.known: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether the check is healthy and no observation is due."""
        return not (self.bad or self.down or self.flapping) and self.due == math.inf

    def add_result(
        self, bad: bool, at: float, limits: Thresholds, flaps: FlappingTable, text: str = ""
    ) -> bool:
        """Add a result of the time `at`. Return whether anything changed that must be stored."""
        if bad or self.bad or self.rhythm is None:  # regular heartbeats are in the rhythm
            self.recent.add(at, bad, text)
        if bad is self.bad and bad is self.down and not self.bits and not self.run:
            return False
        self.age(at, flaps)
        self.bits, self.changes = flapping.record(self.bits, self.changes, bad is not self.bad, at)
        self.bad = bad
        self.down, self.run = step(self.down, self.run, bad, limits)
        self.age(at, flaps)
        return True

    def age(self, now: float, flaps: FlappingTable) -> bool:
        """Drop changes that are too old to count. Return whether the check started or stopped
        flapping."""
        before = self.flapping
        self.bits, self.changes = flapping.aged(self.bits, self.changes, now, flaps.window)
        if self.bits or before:
            percent = flapping.value(self.bits)
            self.flapping = flapping.is_flapping(before, percent, flaps.high, flaps.low)
        return self.flapping is not before

    def wake_at(self, flaps: FlappingTable) -> float:
        """Return when the check must be looked at even if no observation comes."""
        if self.flapping and self.changes:
            return min(self.due, self.changes[-1] + flaps.window)
        return self.due

    def record_heartbeat(
        self, interval: float, at: float, leaving: bool, table: HeartbeatTable
    ) -> None:
        """Record a heartbeat. An interval that ended a suspected outage, or a time when we could
        not see, is not learned."""
        rhythm = self.rhythm
        if rhythm is None or rhythm.interval != interval:
            rhythm = self.rhythm = Rhythm(interval)
        elif not self.bad and not self.leaving and at - self.received <= self.allowance(table):
            rhythm.learn(at - self.received)
        self.received, self.leaving = at, leaving
        self.due = at + (table.stopped if leaving else self.allowance(table))

    def allowance(self, table: HeartbeatTable) -> float:
        """Return for how many seconds heartbeats of this server may be missing."""
        if self.rhythm is None:
            return math.inf
        return self.rhythm.allowance(table.threshold, table.least_deviation, table.pause)

    def is_old_news(self, seen: Sample) -> bool:
        """Whether a pushed sample is already known: it was delivered before, or is about a time
        that is over, as may come from the second of a pair of Alertmanagers."""
        if seen.id and seen.id in self.known:
            return True
        if not seen.bad:
            ended = seen.began if seen.over is None else seen.over
            return self.down and ended is not None and ended < self.began
        last = max(self.began, self.over)
        return not self.down and last > 0 and seen.began is not None and seen.began <= last

    def record_push(self, seen: Sample, wall: float) -> None:
        """Record what later tells a repeated sample from a new one. `wall` is the time now in Unix
        seconds: whatever clocks of others say, nothing started or ended later than that."""
        if seen.id:
            self.known = (*self.known, seen.id)[-MAX_KNOWN_IDS:]
        began = min(seen.began or 0.0, wall)
        if not seen.bad:
            self.over = min(seen.over or 0.0, wall) if self.down else self.over
        elif self.down:
            self.began = max(self.began, began)
            self.repeat = max(self.repeat, min(seen.at - self.received, MAX_REPEAT))
        else:
            self.began, self.over, self.repeat = began, 0.0, 0.0

    def row(self) -> CheckRow:
        """Return the state as it is stored."""
        rhythm = self.rhythm
        return CheckRow(
            fingerprint=self.labels.fingerprint,
            labels=self.labels.pairs,
            source=self.source,
            bad=self.bad,
            down=self.down,
            run=self.run,
            bits=self.bits,
            changes=self.changes,
            flapping=self.flapping,
            number=self.number,
            received=self.received,
            due=None if self.due == math.inf else self.due,
            interval=rhythm.interval if rhythm else 0.0,
            gaps=rhythm.gaps if rhythm else (),
            leaving=self.leaving,
            awaited=self.awaited,
            recent=tuple(self.recent),
            began=self.began,
            over=self.over,
            repeat=self.repeat,
            known=self.known,
        )

    @classmethod
    def of(cls, row: CheckRow) -> CheckState:
        """Return the state that was stored as `row`."""
        state = cls(Labels.of(row.labels), row.source, row.number)
        state.bad, state.down, state.run = row.bad, row.down, row.run
        state.bits, state.changes, state.flapping = row.bits, tuple(row.changes), row.flapping
        state.received, state.leaving, state.awaited = row.received, row.leaving, row.awaited
        state.recent = RecentResults(row.recent)
        state.began, state.over, state.repeat = row.began, row.over, row.repeat
        state.known = tuple(row.known)
        state.due = math.inf if row.due is None else row.due
        if row.interval:
            state.rhythm = Rhythm(row.interval, row.gaps)
        return state
