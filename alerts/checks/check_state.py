"""Check state: what is kept of one watched thing, small, for there may be ten thousands of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alerts.checks import flapping
from alerts.checks.heartbeats import Rhythm
from alerts.checks.recent_results import RecentResults, Result
from alerts.checks.settings import FlappingTable, HeartbeatTable
from alerts.checks.threshold import Thresholds, step
from alerts.labels import Labels
from alerts.observation import Sample

MAX_KNOWN_IDS = 32
"""Ids of what was pushed that are remembered of one thing."""
MAX_REPEAT = 7 * 86400.0
SAVE_INTERVAL = 300.0
"""Seconds between two savings of what changes with everything that is heard: rhythm and results."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The state of a check, as it is written down: plain values, times in steady seconds. A
    `forgotten` one keeps only its number, so that no later episode bears an old one's name."""

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
    heard: float = 0.0
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
    """The state of one thing: hard and soft, its recent changes, and until when it must be heard.

    `due` is when its silence begins to mean something; infinite if it never does. `wake` is when
    it must be looked at though nothing is heard of it. `awaited`: nothing was heard of it yet, and
    `heard` is since when that is so.

    Of what is pushed: `began` and `over` are when it last began and was over by the words of those
    who push it, in Unix seconds by their clock, 0 if they did not say; `repeat` the longest pause,
    in seconds, after which they said again that it goes on; `known` the ids of the last things that
    were pushed.
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
        "heard",
        "known",
        "labels",
        "leaving",
        "number",
        "over",
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
        self.heard, self.due, self.saved = 0.0, math.inf, -math.inf
        self.rhythm: Rhythm | None = None
        self.recent = RecentResults()
        self.began = self.over = self.repeat = 0.0
        self.known: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether all is well with it and nothing is waited for."""
        return not (self.bad or self.down or self.flapping) and self.due == math.inf

    def add_result(
        self, bad: bool, at: float, limits: Thresholds, flaps: FlappingTable, text: str = ""
    ) -> bool:
        """One more result, at `at`; whether anything in it changed that is worth writing down."""
        if bad or self.bad or self.rhythm is None:  # of heartbeats that come the rhythm tells
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
        """Let old changes go; whether it flaps otherwise than before."""
        before = self.flapping
        self.bits, self.changes = flapping.aged(self.bits, self.changes, now, flaps.window)
        if self.bits or before:
            percent = flapping.value(self.bits)
            self.flapping = flapping.is_flapping(before, percent, flaps.high, flaps.low)
        return self.flapping is not before

    def wake_at(self, flaps: FlappingTable) -> float:
        """When to look at it next, if nothing is heard of it."""
        if self.flapping and self.changes:
            return min(self.due, self.changes[-1] + flaps.window)
        return self.due

    def record_heartbeat(
        self, interval: float, at: float, leaving: bool, table: HeartbeatTable
    ) -> None:
        """A heartbeat was heard. What ended a silence that was suspected, or that we could not
        hear, is no interval to learn from."""
        rhythm = self.rhythm
        if rhythm is None or rhythm.interval != interval:
            rhythm = self.rhythm = Rhythm(interval)
        elif not self.bad and not self.leaving and at - self.heard <= self.allowance(table):
            rhythm.learn(at - self.heard)
        self.heard, self.leaving = at, leaving
        self.due = at + (table.stopped if leaving else self.allowance(table))

    def allowance(self, table: HeartbeatTable) -> float:
        """The seconds for which this server may be silent."""
        if self.rhythm is None:
            return math.inf
        return self.rhythm.allowance(table.threshold, table.least_deviation, table.pause)

    def is_old_news(self, seen: Sample) -> bool:
        """Whether what is pushed says nothing that is not known: it came before, or tells of a time
        that is over, as the other one of a pair of Alertmanagers may."""
        if seen.id and seen.id in self.known:
            return True
        if not seen.bad:
            ended = seen.began if seen.over is None else seen.over
            return self.down and ended is not None and ended < self.began
        last = max(self.began, self.over)
        return not self.down and last > 0 and seen.began is not None and seen.began <= last

    def record_push(self, seen: Sample, wall: float) -> None:
        """Keep what tells old news of new. `wall` is the time now in Unix seconds: nothing has
        begun or ended later, whatever clocks of others say."""
        if seen.id:
            self.known = (*self.known, seen.id)[-MAX_KNOWN_IDS:]
        began = min(seen.began or 0.0, wall)
        if not seen.bad:
            self.over = min(seen.over or 0.0, wall) if self.down else self.over
        elif self.down:
            self.began = max(self.began, began)
            self.repeat = max(self.repeat, min(seen.at - self.heard, MAX_REPEAT))
        else:
            self.began, self.over, self.repeat = began, 0.0, 0.0

    def row(self) -> CheckRow:
        """As it is written down."""
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
            heard=self.heard,
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
        """The state that `row` is of."""
        state = cls(Labels.of(row.labels), row.source, row.number)
        state.bad, state.down, state.run = row.bad, row.down, row.run
        state.bits, state.changes, state.flapping = row.bits, tuple(row.changes), row.flapping
        state.heard, state.leaving, state.awaited = row.heard, row.leaving, row.awaited
        state.recent = RecentResults(row.recent)
        state.began, state.over, state.repeat = row.began, row.over, row.repeat
        state.known = tuple(row.known)
        state.due = math.inf if row.due is None else row.due
        if row.interval:
            state.rhythm = Rhythm(row.interval, row.gaps)
        return state
