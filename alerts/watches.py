"""Watch: what is kept of one watched thing, small, for there may be ten thousands of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alerts import flapping
from alerts.heartbeats import Rhythm
from alerts.labels import Labels
from alerts.recent import Recent, Result
from alerts.settings import FlappingTable, HeartbeatTable
from alerts.threshold import Thresholds, step

SAVE_EVERY = 300.0
"""Seconds between two savings of what changes with everything that is heard: rhythm and results."""


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watch, as it is written down: plain values, times in steady seconds. A `forgotten` one
    keeps only its number, so that the next episode does not bear an old one's name."""

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


class Watch:
    """The state of one thing: hard and soft, its recent changes, and until when it must be heard.

    `due` is when its silence begins to mean something; infinite if it never does. `wake` is when
    it must be looked at though nothing is heard of it. `awaited`: nothing was heard of it yet, and
    `heard` is since when that is so.
    """

    __slots__ = (
        "awaited",
        "bad",
        "bits",
        "changes",
        "down",
        "due",
        "flapping",
        "heard",
        "labels",
        "leaving",
        "number",
        "recent",
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
        self.recent = Recent()

    @property
    def quiet(self) -> bool:
        """Whether all is well with it and nothing is waited for."""
        return not (self.bad or self.down or self.flapping) and self.due == math.inf

    def take(
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
            self.flapping = flapping.judged(before, percent, flaps.high, flaps.low)
        return self.flapping is not before

    def wake(self, flaps: FlappingTable) -> float:
        """When to look at it next, if nothing is heard of it."""
        if self.flapping and self.changes:
            return min(self.due, self.changes[-1] + flaps.window)
        return self.due

    def beat(self, interval: float, at: float, leaving: bool, table: HeartbeatTable) -> None:
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

    def row(self) -> WatchRow:
        """As it is written down."""
        rhythm = self.rhythm
        return WatchRow(
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
        )

    @classmethod
    def of(cls, row: WatchRow) -> Watch:
        """The watch that `row` is of."""
        watch = cls(Labels.of(row.labels), row.source, row.number)
        watch.bad, watch.down, watch.run = row.bad, row.down, row.run
        watch.bits, watch.changes, watch.flapping = row.bits, tuple(row.changes), row.flapping
        watch.heard, watch.leaving, watch.awaited = row.heard, row.leaving, row.awaited
        watch.recent = Recent(row.recent)
        watch.due = math.inf if row.due is None else row.due
        if row.interval:
            watch.rhythm = Rhythm(row.interval, row.gaps)
        return watch
