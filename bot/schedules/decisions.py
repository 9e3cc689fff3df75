"""Decides what happens to a schedule now. Pure: the same row and moment give the same decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from baton.bus.messages import State
from baton.outcome import duration, named
from baton.timing.calendar import to_utc
from bot.jobs import RunRecord
from bot.schedules.schedule import Firing, Schedule, Verdict
from bot.schedules.times import next_time, upcoming

ON_TIME = 15.0
"""Seconds by which a firing may be late without being missed: another bot needs them to take
over."""
MAX_COUNTED = 500
"""Missed times that are counted one by one, at most."""


Outcome = Literal["succeeded", "unsuccessful", "missed"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written: the schedule as it continues, and firings. `start` is the time whose
    run is to start now; `notice` is posted in the channel if it is not empty, and is `good` news or
    not. `shown`: the result is worth showing. `observed`: the result says something about the
    servers."""

    schedule: Schedule
    firings: tuple[Firing, ...] = ()
    start: datetime | None = None
    notice: str = ""
    good: bool = True
    shown: bool = True
    observed: bool = True


def decide(schedule: Schedule, now: datetime, running: str) -> Decision:
    """Decide what happens at `now`, while the job `running` (if any) still runs."""
    if schedule.status != "active":
        return Decision(replace(schedule, due=None))
    start = None
    if schedule.waiting is not None and not running:
        start, schedule = schedule.waiting, replace(schedule, waiting=None)
    if schedule.nominal is None or schedule.due_at(schedule.nominal) > now:
        return Decision(_advance(schedule, start, running, now), (), start)
    due = _find_due_times(schedule, schedule.nominal, now)
    schedule = replace(schedule, nominal=due.after)
    late = (now - schedule.due_at(due.last)).total_seconds()
    if late > max(schedule.timing.rules.catch_up, ON_TIME):
        missed = _missed_firing(schedule, due, due.last, due.count, now)
        schedule = _count(schedule, "missed", due.last, due.count)
        schedule = replace(schedule, outcome=f"missed: {missed.reason}")
        return Decision(_advance(schedule, start, running, now), (missed,), start, good=False)
    firings: tuple[Firing, ...] = ()
    if due.before is not None:
        firings = (_missed_firing(schedule, due, due.before, due.count - 1, now),)
        schedule = _count(schedule, "missed", due.before, due.count - 1)
    if start is None and (not running or schedule.timing.rules.overlap == "allow"):
        return Decision(_advance(schedule, due.last, running, now), firings, due.last)
    verdict: Verdict = "skipped"
    reason = f"the previous run ({running or 'queued'}) has not ended"
    if schedule.timing.rules.overlap == "queue" and schedule.waiting is None:
        verdict, reason = "queued", f"waiting for the previous run ({running})"
        schedule = replace(schedule, waiting=due.last)
    else:
        schedule = _count(schedule, verdict, due.last)
    firings += (Firing(schedule.id, due.last, now, verdict, reason),)
    return Decision(_advance(schedule, start, running, now), firings, start)


def record_start(
    schedule: Schedule, nominal: datetime, job: str, now: datetime, by: str = ""
) -> Decision:
    """Record that the firing of `nominal` has become `job`. One that was started by hand, `by`
    somebody, does not count for the `times` of its rules."""
    schedule = _count(replace(schedule, runs=schedule.runs + (not by)), "", nominal)
    firing = Firing(schedule.id, nominal, now, "started", job=job, by=by)
    return Decision(schedule, (firing,))


def record_failure_to_start(
    schedule: Schedule, nominal: datetime, verdict: Verdict, reason: str, now: datetime
) -> Decision:
    """Record that the firing of `nominal` was refused, or could not be started."""
    schedule = _count(replace(schedule, runs=schedule.runs + 1), verdict, nominal)
    schedule, notice = _record_failure(schedule, reason, verdict)
    firing = Firing(schedule.id, nominal, now, verdict, reason)
    return Decision(schedule, (firing,), notice=notice, good=False)


def record_skip(schedule: Schedule, nominal: datetime, reason: str, now: datetime) -> Decision:
    """Record that the firing of `nominal` was skipped, because a freeze or a lock stands in its
    way. It is no failure: nobody's command went wrong."""
    outcome = f"skipped: {reason}"
    # who waits for a lock beside it is no news
    same = outcome.partition(". ")[0] == schedule.outcome.partition(". ")[0]
    notice = "" if same else f"{schedule.title}: {outcome}"
    schedule = replace(schedule, runs=schedule.runs + 1, outcome=outcome)
    schedule = _count(schedule, "skipped", nominal)
    firing = Firing(schedule.id, nominal, now, "skipped", reason)
    return Decision(schedule, (firing,), notice=notice, good=False)


def record_end(
    schedule: Schedule, firing: Firing, runs: Sequence[RunRecord], now: datetime
) -> Decision:
    """Record that the job of `firing` has ended."""
    came_to, text = outcome_of(runs)
    shown = not schedule.timing.rules.quiet or text != schedule.outcome
    notice = ""
    if came_to == "succeeded":
        schedule = replace(schedule, failures=0, outcome=text)
    elif came_to == "missed":
        schedule = replace(schedule, outcome=text)
    else:
        schedule, notice = _record_failure(schedule, text, "")
    schedule = _count(schedule, came_to, firing.nominal)
    due = now if schedule.waiting is not None and schedule.status == "active" else schedule.due
    firing = replace(firing, outcome=text, ended=now)
    return Decision(
        replace(schedule, due=due),
        (firing,),
        notice=notice,
        good=came_to == "succeeded",
        shown=shown,
        observed=came_to != "missed",
    )


def outcome_of(runs: Sequence[RunRecord]) -> tuple[Outcome, str]:
    """Return the result of a firing, and the words for it: the same words for the same result. One
    that never left the bot was missed: it says nothing about the servers."""
    if not runs:
        return "unsuccessful", "no server answered"
    bad = sorted(
        f"{run.host} ({run.state.value})"
        for run in runs
        if run.state is not State.SUCCEEDED and not run.unsent
    )
    if bad:
        return "unsuccessful", f"not done on {named(bad)}"
    unsent = [run for run in runs if run.unsent]
    return ("missed", unsent[0].text) if unsent else ("succeeded", "succeeded")


def pause_broken(
    schedule: Schedule, reason: str, now: datetime, firing: Firing | None = None
) -> Decision:
    """Pause `schedule`, which cannot go on, and say why. `firing` is the one that ended meanwhile.
    Nothing here depends on its times or its zone, since these may be what is broken."""
    ended = () if firing is None else (replace(firing, outcome=reason, ended=now),)
    notice = (
        f"{schedule.title} is paused: {reason}. To resume it: /schedule resume {schedule.short}"
    )
    return Decision(pause(schedule, reason), ended, notice=notice, good=False, observed=False)


def pause(schedule: Schedule, note: str) -> Schedule:
    """Return `schedule` paused, with the reason `note`. A time that waits is dropped."""
    return replace(schedule, status="paused", note=note, due=None, waiting=None)


def resume(schedule: Schedule, now: datetime) -> Schedule:
    """Return `schedule` active, with its next time after `now`. What was due meanwhile is
    dropped."""
    schedule = replace(schedule, status="active", note="", failures=0)
    return plan_next(schedule, now)


def plan_next(schedule: Schedule, now: datetime) -> Schedule:
    """Return `schedule` with its first time after `now`."""
    nominal = next_time(schedule.timing.when, now, schedule.created)
    return _advance(replace(schedule, nominal=nominal), None, "", now)


@dataclass(frozen=True, slots=True)
class _DueTimes:
    """The times that are due: the first, the one before the last, the last, and what comes after.
    `more`: there are more of them than `count`."""

    first: datetime
    before: datetime | None
    last: datetime
    count: int
    after: datetime | None
    more: bool


def _find_due_times(schedule: Schedule, first: datetime, now: datetime) -> _DueTimes:
    when, anchor = schedule.timing.when, schedule.created
    before, last, count, more = None, first, 1, False
    rest = upcoming(when, first, anchor)
    while (at := next(rest, None)) is not None and schedule.due_at(at) <= now:
        before, last, count = last, at, count + 1
        if count == MAX_COUNTED and not more:
            # we were away for long: of what is long past it is enough to know that there was some
            more = True
            rest = upcoming(when, max(last, now - timedelta(hours=1)), anchor)
    return _DueTimes(first, before, last, count, at, more)


def _missed_firing(
    schedule: Schedule, due: _DueTimes, until: datetime, count: int, now: datetime
) -> Firing:
    late = duration((now - due.first).total_seconds())
    if count == 1:
        reason = f"no bot was running for {late}"
    else:
        times = f"more than {count}" if due.more else str(count)
        reason = f"no bot was running for {late}: {times} runs were missed"
    return Firing(schedule.id, due.first, now, "missed", reason, count=count, until=until)


def _advance(schedule: Schedule, start: datetime | None, running: str, now: datetime) -> Schedule:
    """Return `schedule` with when to look at it next; it ends if no time is left."""
    rules, nominal = schedule.timing.rules, schedule.nominal
    taken = schedule.runs + (start is not None) + (schedule.waiting is not None)
    if rules.times is not None and taken >= rules.times:
        nominal = None
    if nominal and rules.until is not None and nominal > to_utc(rules.until, schedule.zone):
        nominal = None
    if schedule.status != "active":
        return replace(schedule, nominal=nominal, due=None)
    if nominal is None and schedule.waiting is None:
        return replace(schedule, status="ended", note="no runs are left", nominal=None, due=None)
    due = schedule.due_at(nominal) if nominal else None
    return replace(schedule, nominal=nominal, due=due)


def _record_failure(schedule: Schedule, text: str, verdict: str) -> tuple[Schedule, str]:
    """Return `schedule` after an unsuccessful firing, and the notice about it: only if it is
    new."""
    outcome = f"{verdict}: {text}" if verdict else text
    failures = schedule.failures + 1
    notice = f"{schedule.title}: {outcome}" if outcome != schedule.outcome else ""
    schedule = replace(schedule, failures=failures, outcome=outcome)
    most = schedule.timing.rules.pause_after
    if most and failures >= most and schedule.status == "active":
        note = f"{failures} runs in a row failed; last result: {outcome}"
        schedule = pause(schedule, note)
        notice = (
            f"{schedule.title} is paused: {note}. To resume it: /schedule resume {schedule.short}"
        )
    return schedule, notice


def _count(schedule: Schedule, verdict: str, nominal: datetime, count: int = 1) -> Schedule:
    """Return `schedule` with one more of `verdict` on the day of `nominal`."""
    day = f"{nominal.astimezone(schedule.zone):%Y-%m-%d}"
    tally = dict(schedule.tally) if day == schedule.day else {}
    if day < schedule.day:
        return schedule  # a late result of the day before does not count
    if verdict:
        tally[verdict] = tally.get(verdict, 0) + count
    return replace(schedule, tally=tally, day=day)
