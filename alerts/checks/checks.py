"""All checks: observations become hard states, and a missing observation becomes a result. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from alerts.checks import checkins
from alerts.checks.check_state import SAVE_INTERVAL, CheckRow, CheckState
from alerts.checks.settings import CheckSettings
from alerts.checks.threshold import AT_ONCE, Thresholds
from alerts.faults import Faults
from alerts.labels import ALERTNAME, SILENT, Labels
from alerts.observation import CheckIn, HeartbeatSeen, LivenessSeen, Sample, Severity
from alerts.timers import Timers
from baton.errors import UsageError
from baton.outcome import duration

HEARTBEAT, CHECKIN, PROBE = "heartbeat", "checkin/", "probe/"
"""The sources of checks that are about our servers, or are configured in alerts.toml."""
PUSH = "push/"
"""The prefix of the sources of alerts that other monitoring systems push."""
MISSED_REPEATS = 3.0
"""A pushed alert without an end expires after the longest pause between two repetitions, times
this."""
FAILED = "failed"
"""The title of the alert about a check-in that came in time and reported a failure."""
FORGET_DELAY = 7 * 86400.0
"""Seconds after which a healthy check whose results were decided by the sender is dropped."""


class CheckListener(Protocol):
    """Is called with every result of a check that may open, change or resolve an episode."""

    def __call__(
        self,
        check: CheckState,
        at: float,
        text: str,
        severity: Severity | None,
        note: str = "",
        *,
        seen: Sample | None = None,
        called: str = "",
        expired: bool = False,
    ) -> None:
        """`note` says why the state changed if no observation did it. `severity` is None if no
        observation gave one. `seen` is the pushed sample; `called` says what is wrong if the name
        of the alert does not. `expired`: it is over because the sender did not repeat it."""


class Checks:
    """Holds the state of every check. `listener` is called with each result that may matter. An
    error in one check goes to `faults`, and the other checks continue."""

    def __init__(self, settings: CheckSettings, listener: CheckListener, faults: Faults) -> None:
        self._faults = faults
        self.states: dict[str, CheckState] = {}
        self._numbers: dict[str, int] = {}
        """The last episode numbers of checks that were dropped."""
        self._changed: dict[str, None] = {}
        self.skew = 0.0
        """What to add to steady seconds to get wall clock seconds."""
        self._listener = listener
        self._timers = Timers()
        self.reload(settings)

    def reload(self, settings: CheckSettings) -> list[str]:
        """Use other settings. Return the fingerprints of the checks that alerts.toml no longer
        defines."""
        self._settings, self._flaps = settings, settings.flapping
        self._limits = settings.thresholds_by_source()
        self._default = self._limits[""]
        self._checkins = {table.name: table for table in settings.checkin}
        # a check whose labels changed is another check
        known = {CHECKIN + table.name: table.identity for table in settings.checkin}
        known |= {probe.source: probe.identity for probe in settings.probe}
        return [
            fingerprint
            for fingerprint, check in self.states.items()
            if check.source.startswith((CHECKIN, PROBE)) and known.get(check.source) != check.labels
        ]

    def expect_check_ins(self, at: float) -> None:
        """From `at` on, expect every configured check-in by its configured rhythm, even if it never
        came."""
        for name, table in self._checkins.items():
            with self._faults.isolate(f"the check-in {name}"):
                check = self.states.get(table.identity.fingerprint)
                if check is None:
                    check = self._new(table.identity, CHECKIN + name, at)
                    check.awaited, check.received = True, at
                elif check.bad:
                    continue
                self._await(check, at)
        for check in self.states.values():
            if check.down and check.due == math.inf and check.source.startswith(PUSH):
                check.due = at + self._patience(check)
                self._wait(check)

    def clock_moved(self, skew: float, at: float) -> None:
        """The wall clock was set: checks that depend on it are due at another time."""
        self.skew = skew
        for name, table in self._checkins.items():
            check = self.states.get(table.identity.fingerprint)
            if table.cron and check is not None and check.source == CHECKIN + name:
                with self._faults.isolate(f"the check-in {name}"):
                    if not check.bad:
                        self._await(check, at)

    def _await(self, check: CheckState, at: float) -> None:
        """Expect a check-in by its rhythm: counted from the last one, or from `at` if it would be
        late already for a reason that is not its own."""
        due = self._next(check)
        if due != check.due:
            check.due = due if due > at else self._next(check, at)
            self._changed[check.labels.fingerprint] = None
            self._wait(check)

    def restore(self, rows: Iterable[CheckRow], now: float) -> None:
        """Restore the states from `rows`. Nothing was received later than `now`."""
        for row in rows:
            if row.forgotten:
                self._numbers[row.fingerprint] = row.number
                continue
            with self._faults.isolate(f"the row of the check {row.fingerprint}"):
                check = CheckState.of(row)
                ahead = check.received - now
                if ahead > 0:
                    check.received, check.due = now, check.due - ahead
                self.states[check.labels.fingerprint] = check
                self._wait(check)

    def on_sample(self, seen: Sample) -> None:
        """Take one result of a probe, or one that its sender decided."""
        check = self.states.get(seen.labels.fingerprint)
        if check is not None and seen.dated and seen.at < check.received:
            return
        if check is None:
            check = self._new(seen.labels, seen.source, seen.at)
        limits = self._limits.get(seen.source, self._default)
        if seen.decided:
            if check.is_old_news(seen):
                return
            if seen.id or seen.began or seen.over:
                self._changed[check.labels.fingerprint] = None
            check.record_push(seen, seen.at + self.skew)
            check.due = self._until(check, seen)
            limits = AT_ONCE
            self._wait(check)
        check.received = seen.at
        self._result(check, seen.bad, seen.at, limits, seen.text, seen.severity, seen=seen)
        if seen.at >= check.saved + SAVE_INTERVAL:
            self._changed[check.labels.fingerprint] = None

    def _until(self, check: CheckState, seen: Sample) -> float:
        """Return until when a decided result holds if it is not repeated."""
        if not seen.bad:
            return math.inf
        if seen.ends is not None:
            return seen.ends
        return seen.at + self._patience(check) if seen.source.startswith(PUSH) else math.inf

    def _patience(self, check: CheckState) -> float:
        """Return for how long a pushed alert without an end is believed: senders repeat what still
        fires."""
        return max(self._settings.pushed.expires, MISSED_REPEATS * check.repeat)

    def on_heartbeat(self, seen: HeartbeatSeen) -> None:
        """Take a heartbeat."""
        labels = Labels.of({ALERTNAME: SILENT, "env": seen.env, "host": seen.host})
        check = self.states.get(labels.fingerprint)
        if check is None:
            check = self._new(labels, HEARTBEAT, seen.at)
            check.received = 0.0
        check.record_heartbeat(seen.interval, seen.at, seen.leaving, self._settings.heartbeats)
        self._wait(check)
        severity = self._settings.heartbeats.severity
        self._result(check, False, seen.at, AT_ONCE, "", severity)
        if seen.at >= check.saved + SAVE_INTERVAL:
            self._changed[labels.fingerprint] = None

    def on_liveness(self, seen: LivenessSeen) -> None:
        """Take a sign that a server is alive. It says nothing about the rhythm of heartbeats, and
        nothing about a server whose agent is stopping: that may still have something to report."""
        labels = Labels.of({ALERTNAME: SILENT, "env": seen.env, "host": seen.host})
        check = self.states.get(labels.fingerprint)
        if check is None or check.rhythm is None or check.leaving:
            return
        table = self._settings.heartbeats
        until = seen.at + check.allowance(table)
        check.due = until if check.due == math.inf else max(check.due, until)
        self._wait(check)
        self._result(check, False, seen.at, AT_ONCE, "", table.severity)

    def on_check_in(self, seen: CheckIn) -> None:
        """Take a check-in. Raises UsageError if the settings do not define it."""
        self.require_check_in(seen)
        table = self._checkins[seen.name]
        labels = table.identity
        check = self.states.get(labels.fingerprint)
        if check is None:
            check = self._new(labels, CHECKIN + seen.name, seen.at)
        check.received, check.awaited = seen.at, False
        check.due = self._next(check)
        self._wait(check)
        self._changed[labels.fingerprint] = None
        text = seen.text or ("it reported a failure" if seen.failed else "")
        called = FAILED if seen.failed else ""
        self._result(check, seen.failed, seen.at, AT_ONCE, text, table.severity, called=called)

    def require_check_in(self, seen: CheckIn) -> None:
        """Raises UsageError if the settings do not define this check-in."""
        if seen.name not in self._checkins:
            raise UsageError(f"There is no check-in called {seen.name}.", field="name")

    def pass_time(self, now: float) -> None:
        """Let the time be `now`: what was due and did not come becomes a result."""
        for fingerprint in self._timers.due(now):
            check = self.states.get(fingerprint)
            if check is None:
                continue
            with self._faults.isolate(f"{check.labels.title()}, whose time has come"):
                if check.due <= now:
                    self._overdue(check, now)
                if check.age(now, self._flaps):
                    self._changed[fingerprint] = None
                    self._listener(check, now, "", None)
                self._wait(check)

    def visibility_restored(self, at: float, since: float) -> None:
        """We see again, after we did not since `since`: give every check that is due the time to be
        seen."""
        for check in self.states.values():
            if check.due < math.inf:
                with self._faults.isolate(f"{check.labels.title()}, which could not be received"):
                    check.due = max(check.due, self._grace(check, at, since))
                    self._wait(check)

    def set_number(self, check: CheckState, number: int) -> None:
        """The episode of `check` that opens now has this number."""
        check.number = number
        self._changed[check.labels.fingerprint] = None

    def forget(self, fingerprint: str) -> CheckRow | None:
        """Drop a check. Return the row to store, None if there was no such check."""
        check = self.states.pop(fingerprint, None)
        if check is None:
            return None
        self._timers.drop(fingerprint)
        self._changed.pop(fingerprint, None)
        self._numbers[fingerprint] = check.number
        return _forgotten(fingerprint, check.number)

    def take_changed_rows(self, now: float) -> dict[str, CheckRow]:
        """Return the rows that changed since the last call."""
        rows = {}
        for fingerprint in self._changed:
            check = self.states[fingerprint]
            check.saved = now
            rows[fingerprint] = check.row()
        self._changed.clear()
        return rows

    def rows(self) -> tuple[CheckRow, ...]:
        """Return all rows as of now."""
        forgotten = (_forgotten(*item) for item in self._numbers.items())
        return (*(check.row() for check in self.states.values()), *forgotten)

    def forgettable(self, now: float) -> list[str]:
        """Return the fingerprints of checks that have been healthy, and without news, for long."""
        return [
            fingerprint
            for fingerprint, check in self.states.items()
            if check.received < now - FORGET_DELAY
            and not check.source.startswith((HEARTBEAT, CHECKIN, PROBE))
            and check.is_idle
        ]

    def wake_at(self) -> float:
        """Return when `pass_time` must be called next; minus infinity if rows wait to be stored."""
        return -math.inf if self._changed else self._timers.next()

    def _new(self, labels: Labels, source: str, at: float) -> CheckState:
        fingerprint = labels.fingerprint
        check = CheckState(labels, source, self._numbers.pop(fingerprint, 0))
        self.states[fingerprint] = check
        self._changed[fingerprint] = None
        return check

    def _wait(self, check: CheckState) -> None:
        at = check.wake_at(self._flaps)
        if at < math.inf:
            self._timers.set(check.labels.fingerprint, at)

    def _result(
        self,
        check: CheckState,
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
        if check.add_result(bad, at, limits, self._flaps, text):
            self._changed[check.labels.fingerprint] = None
            if check.flapping:
                self._wait(check)
        elif not bad:
            return
        text = text if bad else ""
        self._listener(check, at, text, severity, note, seen=seen, called=called, expired=expired)

    def _overdue(self, check: CheckState, now: float) -> None:
        elapsed = duration(now - check.received)
        check.due = math.inf
        self._changed[check.labels.fingerprint] = None
        if check.rhythm is not None:
            text = f"no heartbeat for {elapsed}, expected every {duration(check.rhythm.interval)}"
            if check.leaving:
                text = f"its agent was stopped {elapsed} ago and has not started again"
            severity = self._settings.heartbeats.severity
            self._result(check, True, now, AT_ONCE, text, severity)
        elif check.source.startswith(CHECKIN):
            table = self._checkins[check.source.removeprefix(CHECKIN)]
            text = f"no check-in for {elapsed}"
            if check.awaited:
                text = f"no check-in since it was configured {elapsed} ago"
            self._result(check, True, now, AT_ONCE, text, table.severity)
        else:
            note, pushed = "it was not reported again", check.source.startswith(PUSH)
            if pushed:
                note = f"not reported since {_shown(check.received + self.skew)}"
            # if the sender reports after all that it still fires, that counts
            check.began = check.over = 0.0
            self._result(check, False, now, AT_ONCE, "", Severity.INFO, note, expired=pushed)

    def _next(self, check: CheckState, after: float | None = None) -> float:
        """Return when the check-in of `check` is late if nothing comes `after` then."""
        table = self._checkins[check.source.removeprefix(CHECKIN)]
        received = check.received if after is None else after
        due = checkins.late_at(
            received + self.skew,
            table.grace,
            every=table.every,
            cron=table.cron,
            zone=table.zone,
            came=after is None and not check.awaited,
        )
        return due - self.skew

    def _grace(self, check: CheckState, at: float, since: float) -> float:
        """Return until when a check may be without observations that we could not see from `since`
        to `at`."""
        if check.rhythm is not None:
            table = self._settings.heartbeats
            return at + (table.stopped if check.leaving else check.allowance(table))
        if check.source.startswith(CHECKIN):
            # a check-in that was due meanwhile may have come unseen: expect the next one
            return check.due if check.due > at else self._next(check, at)
        return check.due + (at - since)


def _shown(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M} UTC"


def _forgotten(fingerprint: str, number: int) -> CheckRow:
    return CheckRow(fingerprint, number=number, forgotten=True)
