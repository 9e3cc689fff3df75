"""The feed of one job: reads what is new into a ring, for everybody who watches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from baton.bus.messages import State
from baton.timing.waiting import wait_at_most
from bot.jobs import Job, RunRecord
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger
from bot.store.jobs.news import News, Position
from bot.web.console.api.job_models import state_of
from bot.web.console.feed.frame import frames
from bot.web.console.feed.ring import Ring

log = structlog.get_logger(__name__)

INTERVAL = 0.25
"""Seconds between two reads, at least."""
SHARE = 4
"""A read is followed by a pause of at least so many times its length: who watches a job of many
servers takes a fifth of the time at most."""
POLL_SECONDS = 1.0
"""Seconds after which a job is looked at that nobody told us of."""
LATE = timedelta(seconds=60)
"""For so long after its end a job is watched: servers may report what they did before."""
_WOKEN_AT_ONCE = 25
"""Watchers that are woken at once, so that other requests have their turn between them."""


def ended_long_ago(job: Job, at: datetime) -> bool:
    """Return whether nothing more of `job` is to be expected at the moment `at`."""
    return job.over and job.closed is not None and at - job.closed > LATE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job and its runs at a moment when all output before it is in the ring, whose next frame has
    the number `number`. `unstamped` counts the output that an older bot wrote."""

    job: Job
    runs: tuple[RunRecord, ...]
    number: int
    unstamped: int

    @property
    def state(self) -> State:
        """The state of the job."""
        return state_of(self.job, self.runs)

    @property
    def position(self) -> Position:
        """The moment."""
        return Position(self.job.revision)


class JobFeed:
    """What is new of the job `name`, while somebody watches. Watchers are events that are set when
    something is new."""

    def __init__(self, name: str, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.ring = Ring()
        self.snapshot: Snapshot | None = None
        self.removed = False
        self.reads = 0
        """Counts the times at which everything that was committed before was read."""
        self.watchers: set[asyncio.Event] = set()
        self._ledger = ledger
        self._clock = clock
        self._changed = asyncio.Event()
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected: the job was removed, or ended long ago."""
        if self.removed:
            return True
        return self.snapshot is not None and ended_long_ago(self.snapshot.job, self._clock())

    def poke(self) -> None:
        """Read what is new soon."""
        self._changed.set()

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run(), name=f"feed {self.name}")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.removed:
            began = loop.time()
            try:
                self._changed.clear()
                await self._read()
            except DatabaseUnavailable:
                await asyncio.sleep(POLL_SECONDS)
                continue
            except Exception:
                log.exception("the news of a job could not be read", job=self.name)
                await asyncio.sleep(POLL_SECONDS)
                continue
            await self._wake()
            await asyncio.sleep(max(INTERVAL, SHARE * (loop.time() - began)))
            await wait_at_most(POLL_SECONDS, self._changed.wait())

    async def _read(self) -> None:
        """Read all that is new. Raises DatabaseUnavailable."""
        before = self.snapshot
        if before is not None and self._position == before.position:
            revision = await self._ledger.revision(self.name)
            if revision == before.job.revision:
                self.reads += 1
                return
        while True:
            # at first only how the job is now: who needs what was before reads it
            after = self._position or Position(2**31 - 2)
            news = await self._ledger.news(self.name, after)
            if news is None:
                self.removed = True
                return
            self._take(news)
            if not news.more:
                self.reads += 1
                return

    def _take(self, news: News) -> None:
        before = self.snapshot
        if before is None or self._position is None:
            self._position = news.upto
            self.snapshot = Snapshot(news.job, news.runs, self.ring.end, news.unstamped)
            return
        known = {(run.host, run.attempt): run for run in before.runs}
        changed = [run for run in news.runs if known.get((run.host, run.attempt)) != run]
        # what an older bot has written is in no news: who watches reads the lines again
        hole = news.unstamped > before.unstamped
        for frame in frames(self._position, news, changed, "resync" if hole else "news"):
            self.ring.add(frame)
        self._position = news.upto
        if not news.more:
            self.snapshot = Snapshot(news.job, news.runs, self.ring.end, news.unstamped)

    async def _wake(self) -> None:
        for number, event in enumerate(list(self.watchers), 1):
            event.set()
            if number % _WOKEN_AT_ONCE == 0:
                await asyncio.sleep(0)
