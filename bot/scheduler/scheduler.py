"""The scheduler: while this bot leads, schedules that are due are fired and their ends recorded.

A round comes when the first schedule is due, when schedules change here, and once in a while to see
what other bots changed: however many schedules there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from baton.errors import BatonError
from baton.timing.calendar import UnknownZone
from bot.dispatch.people import Directories, Profile
from bot.scheduler.firing import ScheduleFirer, build_change, jobs_of, pause_all_of
from bot.schedules.change import Change
from bot.schedules.decisions import (
    Decision,
    decide,
    pause_broken,
    record_end,
    record_failure_to_start,
)
from bot.schedules.posts import ChannelNotice, day_of
from bot.schedules.schedule import ResultHandling, Schedule, ScheduleResult
from bot.store.errors import DatabaseUnavailable
from bot.store.schedules.firings import EndedFiring
from bot.store.schedules.schedule_store import ScheduleStore

log = structlog.get_logger(__name__)

POLL_INTERVAL = 1.0
"""Seconds between two looks at what other bots, and the servers, have done."""
RETRY_DELAY = 0.5
"""Seconds after which a round that the database failed is tried again."""
BATCH_SIZE = 200
"""Schedules that are fired in one transaction."""

ResultHook = Callable[[Sequence[ScheduleResult]], ResultHandling]


class Scheduler:
    """Fires what is due of `schedules`.

    `job_changed` is called with the id of a job that has news. `on_result` is called with how the
    firings of a schedule went that were to do something, maybe twice for the same; it returns what
    is written down of that.
    """

    def __init__(
        self,
        schedules: ScheduleStore,
        firer: ScheduleFirer,
        people: Directories,
        job_changed: Callable[[str], None],
        on_result: ResultHook,
    ) -> None:
        self.rounds = 0
        """How many rounds there were: benches count them."""
        self._schedules = schedules
        self._firer = firer
        self._people = people
        self._job_changed = job_changed
        self._on_result = on_result

    async def round(self) -> float | None:
        """Record what has ended and fire what is due. Return the seconds until something is due
        next, None if nothing is. Raises DatabaseUnavailable."""
        self.rounds += 1
        while True:
            now = await self._schedules.now()
            over = await self._schedules.ended(BATCH_SIZE)
            await self._write([self._finish(one, now) for one in over])
            due = await self._schedules.due(now, BATCH_SIZE)
            await self._write([await self._fire_due(one, running, now) for one, running in due])
            if len(over) < BATCH_SIZE and len(due) < BATCH_SIZE:
                break
        first = await self._schedules.next_due()
        return (first - now).total_seconds() if first is not None else None

    def _finish(self, one: EndedFiring, now: datetime) -> list[tuple[Change, Decision]]:
        schedule, firing, _ = one
        try:
            return self._record_end(one, now)
        except Exception as error:
            step = pause_broken(schedule, _reason(error, schedule), now, firing)
            return [(build_change(step, now, None), step)]

    def _record_end(self, one: EndedFiring, now: datetime) -> list[tuple[Change, Decision]]:
        schedule, firing, runs = one
        step = record_end(schedule, firing, runs, now)
        today = day_of(step.schedule, firing.nominal) == day_of(step.schedule, now)
        # what ends after midnight does not rewrite what was counted of the day before
        change = build_change(step, now, firing.nominal, shown=step.shown and today)
        if step.shown:
            return [(replace(change, reveal=firing.job), step)]
        return [(replace(change, dismiss=firing.job), step)]

    async def _fire_due(
        self, schedule: Schedule, running: str, now: datetime
    ) -> list[tuple[Change, Decision]]:
        """Return the firings of a schedule that is due. A schedule that cannot be fired must
        neither hold up the others nor come again at once: it is paused, or its failure recorded."""
        try:
            step = decide(schedule, now, running)
        except Exception as error:
            step = pause_broken(schedule, _reason(error, schedule), now)
            return [(build_change(step, now, None), step)]
        try:
            return await self._fire_decided(step, now)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            reason = _reason(error, schedule)
            failed = record_failure_to_start(
                step.schedule, step.start or now, "failed", reason, now
            )
            failed = replace(failed, firings=(*step.firings, *failed.firings))
            return [(build_change(failed, now, failed.firings[-1].nominal), failed)]

    async def _fire_decided(self, step: Decision, now: datetime) -> list[tuple[Change, Decision]]:
        schedule = step.schedule
        if step.start is None:
            nominal = step.firings[-1].nominal if step.firings else None
            shown = not schedule.timing.rules.quiet
            return [(build_change(step, now, nominal, shown=shown), step)]
        owner = schedule.owner
        unknown = Profile(standing=owner.standing)
        profile = await self._people.profile(schedule.place.directory, owner.id, unknown)
        if profile.deactivated:
            return await self._pause_all_of_owner(step, step.start, now)
        # what a guest scheduled is asked by a guest, and whoever became one is one from then on
        owner = owner.model_copy(update={"standing": profile.standing})
        made = await self._firer.fire(replace(schedule, owner=owner), step.start, now)
        change = replace(made.change, firings=(*step.firings, *made.change.firings))
        return [(change, replace(made.step, firings=change.firings))]

    async def _pause_all_of_owner(
        self, step: Decision, nominal: datetime, now: datetime
    ) -> list[tuple[Change, Decision]]:
        """Return the changes after the owner of a due schedule left: all their schedules pause."""
        schedule = step.schedule
        owner = schedule.owner
        log.info("the owner left the chat: their schedules are paused", person=owner.id)
        theirs = await self._schedules.active_of(schedule.place.directory, owner.id)
        refused = record_failure_to_start(
            schedule, nominal, "refused", f"{owner.label} is no longer in the chat", now
        )
        firings = (*step.firings, *refused.firings)
        return [
            (
                replace(change, firings=firings if change.schedule.id == schedule.id else ()),
                replace(refused, firings=firings if change.schedule.id == schedule.id else ()),
            )
            for change in pause_all_of(theirs, now)
        ]

    async def _write(self, some: Sequence[list[tuple[Change, Decision]]]) -> None:
        pairs = {change.schedule.id: (change, step) for many in some for change, step in many}
        changes = [self._with_handling(change, step) for change, step in pairs.values()]
        try:
            done = await self._schedules.commit(changes)
        except DatabaseUnavailable:
            raise
        except Exception:
            # one of them cannot be written: the others must not suffer for it
            done = [await self._write_one(change) for change in changes]
        for change, mine in zip(changes, done, strict=True):
            for job in jobs_of(change) if mine else ():
                self._job_changed(job)

    async def _write_one(self, change: Change) -> bool:
        """Write one change. A schedule whose change cannot be written is paused."""
        try:
            (done,) = await self._schedules.commit([change])
        except DatabaseUnavailable:
            raise
        except Exception as error:
            reason = _reason(error, change.schedule)
            await self._schedules.pause_unreadable({change.schedule.id: reason})
            return False
        return done

    def _with_handling(self, change: Change, step: Decision) -> Change:
        """Return `change` with what `on_result` has written down of it; without a notice where the
        alerts notify people."""
        results = list(_results_of(step))
        try:
            handling = self._on_result(results) if results else ResultHandling()
        except Exception:
            log.exception(
                "the result of a schedule did not reach the alerts", schedule=step.schedule.id
            )
            handling = ResultHandling()
        posts = change.posts
        if handling.handled and change.schedule.status != "paused":
            # that it is paused is more than that it failed: somebody must resume it
            posts = tuple(post for post in posts if not isinstance(post, ChannelNotice))
        return replace(change, posts=posts, operation=handling.operation)


def _reason(error: Exception, schedule: Schedule) -> str:
    """Return why `schedule` cannot continue, for people; an error of ours is in the log."""
    if isinstance(error, UnknownZone):
        zone = schedule.timing.when.zone
        machine = "unknown on the bot's machine: install its package tzdata"
        return f"the time zone {zone} is {machine}"
    if isinstance(error, BatonError):
        return str(error).rstrip(".")
    log.error("a schedule is paused by an internal error", schedule=schedule.id, exc_info=error)
    return "an internal error: see the bot's log"


def _results_of(step: Decision) -> Iterator[ScheduleResult]:
    """Yield how the firings of `step` went that were to do something, if that says anything."""
    if not step.observed:
        return
    schedule = step.schedule
    for firing in step.firings:
        begun = firing.verdict == "started"
        if firing.verdict in ("skipped", "queued") or (begun and firing.ended is None):
            continue
        text = firing.outcome or f"{firing.verdict}: {firing.reason}"
        good = begun and firing.outcome == "succeeded"
        words, at = schedule.words, firing.nominal
        yield ScheduleResult(schedule.id, schedule.title, words, at, good, text, firing.verdict)
