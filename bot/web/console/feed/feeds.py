"""All feeds of a bot: one a job while somebody watches it, and how many may watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from bot.store.jobs.ledger import Ledger
from bot.store.jobs.news import Position
from bot.web.console.errors import LimitReached, Unavailable
from bot.web.console.feed.frame import Rendering
from bot.web.console.feed.job_feed import JobFeed
from bot.web.console.feed.reader import FeedReader

MOST_STREAMS = 600
"""Streams that are open at a time, of everybody."""
MOST_OF_A_PERSON = 24
"""Streams of one person: one a tab that is looked at, and some programs."""
PING_SECONDS = 15
"""Seconds after which a stream without news says that it is alive: proxies cut silent ones."""
CHECK_SECONDS = 30
"""Seconds after which it is looked whether somebody may still read what they watch."""
_REPLAYS = 3
"""Clients for which the database is read at a time."""


@dataclass(eq=False, slots=True)
class Watching:
    """One client that watches. `wake` is set when there is something to do."""

    reader: FeedReader
    number: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ping_due: bool = False
    check_due: bool = False


class Feeds:
    """The feeds of the jobs in `ledger`. All streams end once `stopping` is set."""

    def __init__(
        self,
        ledger: Ledger,
        stopping: asyncio.Event,
        clock: Callable[[], datetime],
        *,
        most: int = MOST_STREAMS,
        most_of_a_person: int = MOST_OF_A_PERSON,
    ) -> None:
        self.stopping = stopping
        self._ledger = ledger
        self._clock = clock
        self._most = most
        self._most_of_a_person = most_of_a_person
        self._feeds: dict[str, JobFeed] = {}
        self._watching: set[Watching] = set()
        self._by_person: Counter[str] = Counter()
        self._replays = asyncio.Semaphore(_REPLAYS)
        self._numbers = 0
        self._minding: asyncio.Task[None] | None = None
        ledger.changes.subscribe(self._heard)

    @property
    def open(self) -> int:
        """The number of open streams."""
        return self._by_person.total()

    @property
    def watched(self) -> Collection[str]:
        """The jobs that somebody watches."""
        return self._feeds.keys()

    @contextlib.asynccontextmanager
    async def watching(
        self, job: str, after: Position, rendering: Rendering, person: str
    ) -> AsyncIterator[Watching]:
        """Watch `job` from the position `after`, for `person`. Raises LimitReached, and Unavailable
        while the bot stops or too many others watch."""
        self._admit(person)
        self._by_person[person] += 1
        try:
            feed = self._feed(job)
            reader = FeedReader(feed, self._ledger, after, rendering, self._replays)
            one = Watching(reader, self._numbers)
            self._numbers += 1
            self._watching.add(one)
            feed.watchers.add(one.wake)
            try:
                yield one
            finally:
                self._watching.discard(one)
                feed.watchers.discard(one.wake)
                if not feed.watchers and self._feeds.get(job) is feed:
                    del self._feeds[job]
                    await feed.stop()
        finally:
            self._by_person[person] -= 1
            if not self._by_person[person]:
                del self._by_person[person]

    def _admit(self, person: str) -> None:
        if self.stopping.is_set():
            raise Unavailable(detail="This bot is stopping. Connect again in a few seconds.")
        if self._by_person[person] >= self._most_of_a_person:
            raise LimitReached(
                detail=f"You watch jobs in {self._most_of_a_person} places at once, and no more "
                "are possible. Close a tab or a program that watches a job.",
                seconds=PING_SECONDS,
            )
        if self.open >= self._most:
            raise Unavailable(
                detail=f"{self._most} people and programs watch jobs, and no more are possible "
                "now. Reload the page to see what is new."
            )

    def _feed(self, job: str) -> JobFeed:
        feed = self._feeds.get(job)
        if feed is None:
            feed = self._feeds[job] = JobFeed(job, self._ledger, self._clock)
            feed.start()
        if self._minding is None or self._minding.done():
            self._minding = asyncio.create_task(self._mind(), name="streams")
        return feed

    def _heard(self, ids: Collection[str]) -> None:
        for id in ids:
            feed = self._feeds.get(id)
            if feed is not None:
                feed.poke()

    async def _mind(self) -> None:
        """Remind each stream of its ping and its check in time, a few each second; and all of them
        when the bot stops."""
        second = 0
        while self.open and not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.stopping.wait()
            second += 1
            for one in list(self._watching):
                one.ping_due |= (one.number + second) % PING_SECONDS == 0
                one.check_due |= (one.number + second) % CHECK_SECONDS == 0
                if one.ping_due or one.check_due or self.stopping.is_set():
                    one.wake.set()
