"""Everything that a bot does again and again, in one table. The only importer of APScheduler.

A row (`PeriodicTask`) says what a round is, how often it comes, and what becomes of one that is
late or fails. Late: a round that still runs when the next is due is not joined by a second one, and
rounds that were missed are made up for by one. Failed: it is logged and counted, and the next comes
at its time, or after `retry` seconds. `statuses` shows when each last succeeded.

APScheduler goes by the steady clock here: a clock of the machine that is set back, by an hour or by
years, delays no round. When a schedule of people is due is decided by its own table in the database
(bot.scheduler.scheduler): here it only has a row that looks.

What is no row, and why:
- sending (bot.sending), telling (bot.telling) and the posts of a channel (bot.delivery) wait for
  news, not for a time; while nothing is new they sleep.
- the lease (bot.leader) must be let go at a moment, not at an interval, and it is what begins and
  ends the rows of the bot that leads.
- the links to RabbitMQ and to Slack watch themselves for as long as they are up.
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
"""Seconds between two lines of the log about the same fault of a task."""

Round = Callable[[], Awaitable[float | None]]
"""Does the work once. It may return the seconds after which it is to come again, if that is sooner
than its interval, and `math.inf` if it is done for good."""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A row of the table; all times are in seconds.

    `interval` is from the start of a round to the next, `first` until the first one; to that and to
    the interval up to `jitter` is added, by chance. `rest` is how long after a round nothing comes,
    however often it is woken. After a failure the next round comes after `retry`, if that is given.
    A task that is `vital` fails the bot when its round fails by a fault that does not pass: then
    what it holds is not to be trusted, and a bot that is started anew reads it from the database.
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
    """How a task is: `succeeded` is when it last did, on the monotonic clock (None if it has not
    yet), `error` why it fails now (empty if it does not), `failures` how often it failed."""

    name: str
    succeeded: float | None = None
    error: str = ""
    failures: int = 0


class PeriodicTasks:
    """Runs tasks from `start` to `stop`. `failed` is told of a vital task that failed; `monotonic`
    is the clock by which all of it goes. Used on one event loop."""

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
            # None: one that is late is not left out. Its limit would go by the machine's clock.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._round_ended, EVENT_JOB_EXECUTED)

    @property
    def statuses(self) -> list[TaskStatus]:
        """How each task is that runs here, by name."""
        return sorted(self._statuses.values(), key=lambda status: status.name)

    def start(self) -> None:
        """Begin. Rounds belong to whoever starts them, not to whose words wake them later."""
        self._context = copy_context()
        self._scheduler.start()

    async def stop(self) -> None:
        """End all tasks; returns when no round is under way any more."""
        await self.remove(*self._named)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add(self, *tasks: PeriodicTask) -> None:
        """Run these too. Several of one name are one task to those who look."""
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
        """Run these no more. A round that is under way is cancelled, and waited for."""
        rounds = [running for name in names for running in self._drop(name)]
        for name in names:
            self._statuses.pop(name, None)
        if rounds:
            await asyncio.wait(rounds)

    def replace(self, name: str, tasks: Iterable[PeriodicTask]) -> None:
        """Run `tasks` instead of those called `name`, whose rounds are cancelled."""
        self._drop(name)
        self.add(*tasks)

    def wake(self, name: str) -> None:
        """Have the task `name` come now, or once more if it is at it. If it does not run, nothing
        happens: it will see what is new when it begins."""
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
        """Have the next round come after `pause`, but not before the rest is over."""
        at = max(self._monotonic() + pause, row.ended + row.task.rest)
        when = self._after(at - self._monotonic())
        self._in_context(self._scheduler.modify_job, row.id, next_run_time=when)

    def _in_context(self, call: Callable[..., object], *given: object, **named: object) -> None:
        # or the next rounds would run, and log, in the context of whoever woke one
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
# that a round is left out while the last one still runs is meant, and no warning
_LOGGER.setLevel(logging.ERROR)


@dataclass(slots=True, eq=False)
class _Row:
    """A task under way: `woken` while its round runs, `hurried` if its next one was moved up."""

    id: str
    task: PeriodicTask
    running: asyncio.Task[object] | None = None
    woken: bool = False
    hurried: bool = False
    ended: float = -math.inf
    logged: str = ""
    logged_at: float = -math.inf


class _Interval(BaseTrigger):  # type: ignore[misc]
    """From now on: what was missed is not made up for, round by round."""

    def __init__(self, task: PeriodicTask) -> None:
        self._task = task

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        pause = self._task.interval + random.uniform(0, self._task.jitter)
        return now + timedelta(seconds=pause)


class _SteadyZone(tzinfo):
    """The zone of a clock that nobody sets: APScheduler asks it for the time of now."""

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
    """Whether it may be over by itself."""
    return isinstance(error, BatonError) and not error.permanent


def _reason(error: Exception) -> str:
    """Why, in words that anybody may read who may look at the bot: without where things are."""
    if isinstance(error, BatonError) and "reason" in error.facts:
        return str(error.facts["reason"])
    return type(error).__name__
