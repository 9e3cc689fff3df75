"""All recurring work of a bot, run from one table (bot.app.task_table). The only importer of
APScheduler.

A row (`PeriodicTask`) says what a round does, how often it runs, and what happens to a round that
is late or fails. Late: while a round still runs, no second one starts; missed rounds are made up
for by one. Failed: the round is logged and counted, and the next one runs at its time, or after
`retry` seconds. `statuses` shows when each task last succeeded.

APScheduler uses the steady clock here. If somebody sets the clock of the machine back, by an hour
or by years, no round is delayed. The schedules of people live in their own table in the database
(bot.scheduler.scheduler); here they have one row, which looks for what is due.

These are no rows:
- bot.outbox.relay, bot.posts.reconciler and bot.posts.queue wait for events, not for a time, and
  sleep while nothing happens.
- The lease (bot.leader) has a deadline, not an interval: the bot must stop leading before the lease
  expires. The lease also adds and removes the rows of the leader.
- The links to RabbitMQ and to Slack check themselves while they are up.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from typing_extensions import override

from baton.errors import BatonError

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same failure of a task."""

Round = Callable[[], Awaitable[float | None]]
"""Does the work once. It may return the seconds until its next run, if that is sooner than its
interval, or `math.inf` to run no more."""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A row of the table. All times are in seconds.

    `interval` is the time from the start of a round to the next, `first` the delay of the first
    round; a random time up to `jitter` is added to both. `rest` is the least pause after a round,
    however often the task is woken. After a failure the next round comes after `retry`, if given. A
    `vital` task fails the whole bot when a round fails for a permanent reason: its state in memory
    cannot be trusted then, and a restarted bot reads it from the database again.
    """

    name: str
    round: Round
    interval: float
    first: float = 0.0
    jitter: float = 0.0
    rest: float = 0.0
    retry: float | None = None
    vital: bool = False


@dataclass(slots=True)
class TaskStatus:
    """The status of a task: when it last `succeeded`, on the monotonic clock (None: not yet), the
    `error` with which it fails now (empty: it does not), and how often it failed (`failures`)."""

    name: str
    succeeded: float | None = None
    error: str = ""
    failures: int = 0


class PeriodicTasks:
    """Runs tasks between `start` and `stop`, on one event loop. `failed` is called with the name
    and the error of a vital task that failed; `monotonic` is the clock for all times."""

    def __init__(
        self,
        failed: Callable[[str, Exception], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failed = failed
        self._monotonic = monotonic
        self._zone = _SteadyZone(monotonic)
        self._numbers = itertools.count()
        self._rows: dict[str, _Row] = {}
        self._named: defaultdict[str, list[_Row]] = defaultdict(list)
        self._statuses: dict[str, TaskStatus] = {}
        self._context = copy_context()
        self._scheduler = AsyncIOScheduler(
            logger=_LOGGER,
            timezone=self._zone,
            # None: a late round is not dropped (the limit would use the machine's clock)
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._round_ended, EVENT_JOB_EXECUTED)

    @property
    def statuses(self) -> list[TaskStatus]:
        """Return the status of each task, sorted by name."""
        return sorted(self._statuses.values(), key=lambda status: status.name)

    def start(self) -> None:
        """Start. Rounds run in the context of the caller, not of whoever wakes a task later."""
        self._context = copy_context()
        self._scheduler.start()

    async def stop(self) -> None:
        """Stop all tasks, and wait until no round runs any more."""
        await self.remove(*self._named)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add(self, *tasks: PeriodicTask) -> None:
        """Run `tasks` too. Several rows of one name share one status."""
        for task in tasks:
            row = _Row(f"{task.name}/{next(self._numbers)}", task)
            self._rows[row.id] = row
            self._named[task.name].append(row)
            self._statuses.setdefault(task.name, TaskStatus(task.name))
            self._in_context(
                self._scheduler.add_job,
                self._round,
                _Interval(task),
                args=[row],
                id=row.id,
                next_run_time=self._after(task.first + random.uniform(0, task.jitter)),
            )

    async def remove(self, *names: str) -> None:
        """Remove the tasks called `names`. A round that runs is cancelled and awaited."""
        rounds = [running for name in names for running in self._drop(name)]
        for name in names:
            self._statuses.pop(name, None)
        if rounds:
            await asyncio.wait(rounds)

    def replace(self, name: str, tasks: Iterable[PeriodicTask]) -> None:
        """Run `tasks` instead of those called `name`. Rounds of the old ones are cancelled."""
        self._drop(name)
        self.add(*tasks)

    def wake(self, name: str) -> None:
        """Run the task `name` now, or once more after the round that runs. A task that is not in
        the table is not woken: it finds what is new when it starts."""
        for row in self._named.get(name, ()):
            if row.running is not None:
                row.woken = True
            elif not row.hurried:
                row.hurried = True
                self._schedule(row, 0.0)

    async def _round(self, row: _Row) -> float | None:
        if row.id not in self._rows:
            return None  # it was removed before its first step
        row.running, row.hurried = asyncio.current_task(), False
        status = self._statuses[row.task.name]
        try:
            pause = await row.task.round()
        except asyncio.CancelledError:
            return None
        except Exception as error:
            self._note_failure(row, status, error)
            return row.task.retry
        else:
            status.succeeded, status.error = self._monotonic(), ""
            return pause
        finally:
            row.running, row.ended = None, self._monotonic()

    def _round_ended(self, event: JobExecutionEvent) -> None:
        row = self._rows.get(event.job_id)
        if row is None:
            return
        if event.retval == math.inf:
            self._drop_row(row)
        elif row.woken or event.retval is not None:
            pause = 0.0 if row.woken else min(event.retval, row.task.interval)
            row.woken = False
            self._schedule(row, pause)

    def _note_failure(self, row: _Row, status: TaskStatus, error: Exception) -> None:
        status.failures += 1
        status.error = _reason(error)
        if row.task.vital and not _passing(error):
            self._drop_row(row)
            self._failed(row.task.name, error)
        elif row.logged != status.error or self._monotonic() - row.logged_at >= LOG_INTERVAL:
            row.logged, row.logged_at = status.error, self._monotonic()
            if isinstance(error, BatonError):
                log.warning("a recurring task failed", task=row.task.name, reason=str(error))
            else:
                log.error("a recurring task failed", task=row.task.name, exc_info=error)

    def _schedule(self, row: _Row, pause: float) -> None:
        """Run the next round after `pause`, but not before the rest is over."""
        at = max(self._monotonic() + pause, row.ended + row.task.rest)
        when = self._after(at - self._monotonic())
        self._in_context(self._scheduler.modify_job, row.id, next_run_time=when)

    def _in_context(self, call: Callable[..., object], *given: object, **named: object) -> None:
        # or the next rounds would run, and log, in the context of whoever woke the task
        self._context.run(partial(call, *given, **named))

    def _after(self, seconds: float) -> datetime:
        return datetime.now(self._zone) + timedelta(seconds=seconds)

    def _drop(self, name: str) -> list[asyncio.Task[object]]:
        rows = self._named[name].copy()
        for row in rows:
            self._drop_row(row)
        rounds = [row.running for row in rows if row.running is not None]
        for running in rounds:
            running.cancel()
        return rounds

    def _drop_row(self, row: _Row) -> None:
        del self._rows[row.id]
        self._named[row.task.name].remove(row)
        self._scheduler.remove_job(row.id)


_LOGGER = logging.getLogger("baton.periodic")
# APScheduler warns when a round is left out because the last one still runs: that is intended
_LOGGER.setLevel(logging.ERROR)


@dataclass(slots=True, eq=False)
class _Row:
    """A task in the table: `woken` during its round, `hurried` if its next round was moved up."""

    id: str
    task: PeriodicTask
    running: asyncio.Task[object] | None = None
    woken: bool = False
    hurried: bool = False
    ended: float = -math.inf
    logged: str = ""
    logged_at: float = -math.inf


class _Interval(BaseTrigger):  # type: ignore[misc]
    """Fires an interval after now, so that missed rounds are not repeated one by one."""

    def __init__(self, task: PeriodicTask) -> None:
        self._task = task

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        pause = self._task.interval + random.uniform(0, self._task.jitter)
        return now + timedelta(seconds=pause)


class _SteadyZone(tzinfo):
    """A time zone whose present is the steady clock: APScheduler asks its zone what time it is."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    @override
    def fromutc(self, moment: datetime) -> datetime:
        return _BEGINNING.replace(tzinfo=self) + timedelta(seconds=self._monotonic())

    @override
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta()

    @override
    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta()

    @override
    def tzname(self, moment: datetime | None) -> str:
        return "steady"


_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def _passing(error: Exception) -> bool:
    """Return whether `error` may be over by itself."""
    return isinstance(error, BatonError) and not error.permanent


def _reason(error: Exception) -> str:
    """Return why, without the addresses and paths that /readyz must not show."""
    if isinstance(error, BatonError) and "reason" in error.facts:
        return str(error.facts["reason"])
    return type(error).__name__
