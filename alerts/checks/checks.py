"""What is watched: from what was seen to hard states, and what silence means. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from alerts.checks import checkins
from alerts.checks.check_state import SAVE_EVERY, Watch, WatchRow
from alerts.checks.settings import CheckSettings
from alerts.checks.threshold import AT_ONCE, Thresholds
from alerts.faults import Faults
from alerts.labels import ALERTNAME, SILENT, Labels
from alerts.observation import Beat, CheckIn, Sample, Severity, Sign
from alerts.timers import Timers
from baton.errors import UsageError
from baton.outcome import duration

HEARTBEAT, CHECKIN, PROBE = "heartbeat", "checkin/", "probe/"
"""The sources of what the settings know of."""
PUSH = "push/"
"""What the sources of alerts of other monitoring begin with."""
REPEATS = 3.0
"""What is pushed without an end has ended once it was not heard of for so many times the longest
pause after which it was told again."""
FAILED = "failed"
"""What a check-in is called that was not late, and said itself that it failed."""
FORGET_AFTER = 7 * 86400.0
"""Seconds after which what was told, and is well, is forgotten."""


class Judge(Protocol):
    """Is told what a watched thing has come to; `note` says why, if nothing was seen of it."""

    def __call__(
        self,
        watch: Watch,
        at: float,
        text: str,
        severity: Severity | None,
        note: str = "",
        *,
        seen: Sample | None = None,
        called: str = "",
        expired: bool = False,
    ) -> None:
        """`severity` is None if nothing was seen that has one. `seen` is what was pushed; `called`
        what is wrong, if the name of the alert does not say it. `expired`: it is over because those
        who push it were not heard of any more."""


class Watching:
    """Every watched thing. `judge` hears of each result that may matter. What fails of one thing
    goes to `faults`, and the others go on."""

    def __init__(self, settings: CheckSettings, judge: Judge, faults: Faults) -> None:
        self._faults = faults
        self.watches: dict[str, Watch] = {}
        self.numbers: dict[str, int] = {}
        """The last numbers of things that were forgotten."""
        self.moved: dict[str, None] = {}
        self.skew = 0.0
        """What to add to steady seconds to get those of the clock on the wall."""
        self._judge = judge
        self._timers = Timers()
        self.reload(settings)

    def reload(self, settings: CheckSettings) -> list[str]:
        """Other settings; the fingerprints of what is not watched any more."""
        self._settings, self._flaps = settings, settings.flapping
        self._limits = settings.limits()
        self._default = self._limits[""]
        self._checkins = {table.name: table for table in settings.checkin}
        # one that has other labels now is another thing
        known = {CHECKIN + table.name: table.identity for table in settings.checkin}
        known |= {probe.source: probe.identity for probe in settings.probe}
        return [
            fingerprint
            for fingerprint, watch in self.watches.items()
            if watch.source.startswith((CHECKIN, PROBE)) and known.get(watch.source) != watch.labels
        ]

    def expect(self, at: float) -> None:
        """From `at` on every check-in that the settings name is waited for, by its rhythm as they
        have it, whether it was ever heard or not."""
        for name, table in self._checkins.items():
            with self._faults.apart(f"the check-in {name}"):
                watch = self.watches.get(table.identity.fingerprint)
                if watch is None:
                    watch = self._new(table.identity, CHECKIN + name, at)
                    watch.awaited, watch.heard = True, at
                elif watch.bad:
                    continue
                self._await(watch, at)
        for watch in self.watches.values():
            if watch.down and watch.due == math.inf and watch.source.startswith(PUSH):
                watch.due = at + self._patience(watch)
                self._wait(watch)

    def clock_moved(self, skew: float, at: float) -> None:
        """The clock on the wall shows another time: what goes by it is due at another."""
        self.skew = skew
        for name, table in self._checkins.items():
            watch = self.watches.get(table.identity.fingerprint)
            if table.cron and watch is not None and watch.source == CHECKIN + name:
                with self._faults.apart(f"the check-in {name}"):
                    if not watch.bad:
                        self._await(watch, at)

    def _await(self, watch: Watch, at: float) -> None:
        """Wait for a check-in by its rhythm: from when it was heard, or, if it would be late by now
        for no fault of its own, from `at`."""
        due = self._next(watch)
        if due != watch.due:
            watch.due = due if due > at else self._next(watch, at)
            self.moved[watch.labels.fingerprint] = None
            self._wait(watch)

    def restore(self, rows: Iterable[WatchRow], now: float) -> None:
        """Go on where the rows say it was; nothing was heard later than `now`."""
        for row in rows:
            if row.forgotten:
                self.numbers[row.fingerprint] = row.number
                continue
            with self._faults.apart(f"the row of the watched thing {row.fingerprint}"):
                watch = Watch.of(row)
                ahead = watch.heard - now
                if ahead > 0:
                    watch.heard, watch.due = now, watch.due - ahead
                self.watches[watch.labels.fingerprint] = watch
                self._wait(watch)

    def sampled(self, seen: Sample) -> None:
        """One result of a probe, or what somebody told."""
        watch = self.watches.get(seen.labels.fingerprint)
        if watch is not None and seen.dated and seen.at < watch.heard:
            return
        if watch is None:
            watch = self._new(seen.labels, seen.source, seen.at)
        limits = self._limits.get(seen.source, self._default)
        if seen.told:
            if watch.old_news(seen):
                return
            if seen.id or seen.began or seen.over:
                self.moved[watch.labels.fingerprint] = None
            watch.pushed(seen, seen.at + self.skew)
            watch.due = self._until(watch, seen)
            limits = AT_ONCE
            self._wait(watch)
        watch.heard = seen.at
        self._result(watch, seen.bad, seen.at, limits, seen.text, seen.severity, seen=seen)
        if seen.at >= watch.saved + SAVE_EVERY:
            self.moved[watch.labels.fingerprint] = None

    def _until(self, watch: Watch, seen: Sample) -> float:
        """Until when what is told holds, if it is not told again."""
        if not seen.bad:
            return math.inf
        if seen.ends is not None:
            return seen.ends
        return seen.at + self._patience(watch) if seen.source.startswith(PUSH) else math.inf

    def _patience(self, watch: Watch) -> float:
        """For how long what is pushed without an end is believed: those who push repeat it."""
        return max(self._settings.pushed.expires, REPEATS * watch.repeat)

    def beaten(self, seen: Beat) -> None:
        """A heartbeat."""
        labels = Labels.of({ALERTNAME: SILENT, "env": seen.env, "host": seen.host})
        watch = self.watches.get(labels.fingerprint)
        if watch is None:
            watch = self._new(labels, HEARTBEAT, seen.at)
            watch.heard = 0.0
        watch.beat(seen.interval, seen.at, seen.leaving, self._settings.heartbeats)
        self._wait(watch)
        severity = self._settings.heartbeats.severity
        self._result(watch, False, seen.at, AT_ONCE, "", severity)
        if seen.at >= watch.saved + SAVE_EVERY:
            self.moved[labels.fingerprint] = None

    def alive(self, seen: Sign) -> None:
        """A server spoke: it is not silent, though of its rhythm that says nothing. One that is
        stopping may have something left to say."""
        labels = Labels.of({ALERTNAME: SILENT, "env": seen.env, "host": seen.host})
        watch = self.watches.get(labels.fingerprint)
        if watch is None or watch.rhythm is None or watch.leaving:
            return
        table = self._settings.heartbeats
        until = seen.at + watch.allowance(table)
        watch.due = until if watch.due == math.inf else max(watch.due, until)
        self._wait(watch)
        self._result(watch, False, seen.at, AT_ONCE, "", table.severity)

    def checked_in(self, seen: CheckIn) -> None:
        """A check-in. Raises UsageError if the settings do not name it."""
        self.named(seen)
        table = self._checkins[seen.name]
        labels = table.identity
        watch = self.watches.get(labels.fingerprint)
        if watch is None:
            watch = self._new(labels, CHECKIN + seen.name, seen.at)
        watch.heard, watch.awaited = seen.at, False
        watch.due = self._next(watch)
        self._wait(watch)
        self.moved[labels.fingerprint] = None
        text = seen.text or ("it reported a failure" if seen.failed else "")
        called = FAILED if seen.failed else ""
        self._result(watch, seen.failed, seen.at, AT_ONCE, text, table.severity, called=called)

    def named(self, seen: CheckIn) -> None:
        """Raises UsageError if the settings do not name this check-in."""
        if seen.name not in self._checkins:
            raise UsageError(f"There is no check-in called {seen.name}.", field="name")

    def pass_time(self, now: float) -> None:
        """Let silence mean what it means at `now`."""
        for fingerprint in self._timers.due(now):
            watch = self.watches.get(fingerprint)
            if watch is None:
                continue
            with self._faults.apart(f"{watch.labels.title()}, whose time has come"):
                if watch.due <= now:
                    self._overdue(watch, now)
                if watch.age(now, self._flaps):
                    self.moved[fingerprint] = None
                    self._judge(watch, now, "", None)
                self._wait(watch)

    def regained(self, at: float, since: float) -> None:
        """We see again, and have not since `since`: what silence was running runs anew."""
        for watch in self.watches.values():
            if watch.due < math.inf:
                with self._faults.apart(f"{watch.labels.title()}, which could not be heard"):
                    watch.due = max(watch.due, self._grace(watch, at, since))
                    self._wait(watch)

    def forget(self, fingerprint: str) -> WatchRow | None:
        """Watch this no more; the row that says so, None if it was not watched."""
        watch = self.watches.pop(fingerprint, None)
        if watch is None:
            return None
        self._timers.drop(fingerprint)
        self.moved.pop(fingerprint, None)
        self.numbers[fingerprint] = watch.number
        return _forgotten(fingerprint, watch.number)

    def saved(self, now: float) -> dict[str, WatchRow]:
        """The rows that have changed since this was asked last."""
        rows = {}
        for fingerprint in self.moved:
            watch = self.watches[fingerprint]
            watch.saved = now
            rows[fingerprint] = watch.row()
        self.moved.clear()
        return rows

    def written(self) -> tuple[WatchRow, ...]:
        """All rows, as of now."""
        forgotten = (_forgotten(*item) for item in self.numbers.items())
        return (*(watch.row() for watch in self.watches.values()), *forgotten)

    def forgettable(self, now: float) -> list[str]:
        """What was told long ago and has been well since."""
        return [
            fingerprint
            for fingerprint, watch in self.watches.items()
            if watch.heard < now - FORGET_AFTER
            and not watch.source.startswith((HEARTBEAT, CHECKIN, PROBE))
            and watch.quiet
        ]

    def wake_at(self) -> float:
        """When `pass_time` has something to do next; minus infinity if rows wait to be saved."""
        return -math.inf if self.moved else self._timers.next()

    def _new(self, labels: Labels, source: str, at: float) -> Watch:
        fingerprint = labels.fingerprint
        watch = Watch(labels, source, self.numbers.pop(fingerprint, 0))
        self.watches[fingerprint] = watch
        self.moved[fingerprint] = None
        return watch

    def _wait(self, watch: Watch) -> None:
        at = watch.wake(self._flaps)
        if at < math.inf:
            self._timers.set(watch.labels.fingerprint, at)

    def _result(
        self,
        watch: Watch,
        bad: bool,
        at: float,
        limits: Thresholds,
        text: str,
        severity: Severity,
        note: str = "",
        *,
        seen: Sample | None = None,
        called: str = "",
        expired: bool = False,
    ) -> None:
        if watch.take(bad, at, limits, self._flaps, text):
            self.moved[watch.labels.fingerprint] = None
            if watch.flapping:
                self._wait(watch)
        elif not bad:
            return
        text = text if bad else ""
        self._judge(watch, at, text, severity, note, seen=seen, called=called, expired=expired)

    def _overdue(self, watch: Watch, now: float) -> None:
        heard = duration(now - watch.heard)
        watch.due = math.inf
        self.moved[watch.labels.fingerprint] = None
        if watch.rhythm is not None:
            text = f"no heartbeat for {heard}, one is due every {duration(watch.rhythm.interval)}"
            if watch.leaving:
                text = f"its agent was stopped {heard} ago and has not come back"
            severity = self._settings.heartbeats.severity
            self._result(watch, True, now, AT_ONCE, text, severity)
        elif watch.source.startswith(CHECKIN):
            table = self._checkins[watch.source.removeprefix(CHECKIN)]
            text = f"nothing heard for {heard}"
            if watch.awaited:
                text = f"never heard from since it was set up, {heard} ago"
            self._result(watch, True, now, AT_ONCE, text, table.severity)
        else:
            note, pushed = "it was not told again", watch.source.startswith(PUSH)
            if pushed:
                note = f"not heard of since {_shown(watch.heard + self.skew)}"
            # should they say after all that it goes on, it does
            watch.began = watch.over = 0.0
            self._result(watch, False, now, AT_ONCE, "", Severity.INFO, note, expired=pushed)

    def _next(self, watch: Watch, after: float | None = None) -> float:
        """When the check-in that `watch` is of will be late, if nothing is heard `after` then."""
        table = self._checkins[watch.source.removeprefix(CHECKIN)]
        heard = watch.heard if after is None else after
        due = checkins.due(
            heard + self.skew,
            table.grace,
            every=table.every,
            cron=table.cron,
            zone=table.zone,
            came=after is None and not watch.awaited,
        )
        return due - self.skew

    def _grace(self, watch: Watch, at: float, since: float) -> float:
        """Until when this thing may be silent that we could not hear from `since` to `at`."""
        if watch.rhythm is not None:
            table = self._settings.heartbeats
            return at + (table.stopped if watch.leaving else watch.allowance(table))
        if watch.source.startswith(CHECKIN):
            # one that was due meanwhile may have come unheard: wait for the one after it
            return watch.due if watch.due > at else self._next(watch, at)
        return watch.due + (at - since)


def _shown(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M} UTC"


def _forgotten(fingerprint: str, number: int) -> WatchRow:
    return WatchRow(fingerprint, number=number, forgotten=True)
