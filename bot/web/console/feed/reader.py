"""What one client of a feed is sent next, from wherever it stopped.

A client that is close behind is an index into the ring, and is sent bytes that were rendered for
all. One that comes from further back, or falls behind, is sent the lines in between from the
database, piece by piece as fast as it takes them, and how the runs are once it has arrived. So is
one that has just come, if the next frame is large: it may have left because it never got that far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic_core import to_json

from bot.store.jobs.ledger import Ledger
from bot.store.jobs.news import BEGINNING, PIECES, Position
from bot.web.console.feed.frame import (
    FIRST_BYTES,
    Frame,
    Rendering,
    lines_only,
    sse,
    state_frames,
)
from bot.web.console.feed.job_feed import JobFeed, Snapshot

AT_ONCE = 131_072
"""Bytes that are handed to a connection at once, about."""


class FeedReader:
    """Reads `feed` from the position `after` in that rendering. `replays` limits how many read the
    database at a time."""

    def __init__(
        self,
        feed: JobFeed,
        ledger: Ledger,
        after: Position,
        rendering: Rendering,
        replays: asyncio.Semaphore,
    ) -> None:
        self.position = BEGINNING if after == Position(0) else after
        self._feed = feed
        self._ledger = ledger
        self._rendering = rendering
        self._replays = replays
        self._at: int | None = None
        self._target: Snapshot | None = None
        self._reads = feed.reads
        self._end_told = -1
        self._first = True
        feed.poke()

    @property
    def over(self) -> bool:
        """Whether all was sent, and nothing more is to be expected."""
        if self._feed.removed:
            return True
        snapshot = self._feed.snapshot
        told = snapshot is not None and self._end_told == snapshot.job.revision
        return told and self._feed.over

    async def next(self) -> bytes:
        """Return what is to be sent now; empty if nothing is new. Raises DatabaseUnavailable."""
        if self._at is not None:
            if self._at == self._feed.ring.end:
                return self._end()
            if self._feed.ring.get(self._at) is not None:
                return self._of_ring(self._at)
            self._at = None  # it has fallen behind
        snapshot = self._feed.snapshot
        if snapshot is None:
            return b""
        if self._target is None:
            if self._joins(snapshot):
                return await self.next()
            if self.position > snapshot.position:
                return self._ahead(snapshot)
            self._target = snapshot
            if self.position != BEGINNING and snapshot.unstamped:
                # an older bot may have written something since, and nobody knows what
                return self._arrived(snapshot, "resync")
        return await self._replayed(self._target)

    def _of_ring(self, at: int) -> bytes:
        taken: list[bytes] = []
        size = 0
        while (frame := self._feed.ring.get(at)) is not None and size < AT_ONCE:
            taken.append(frame.rendered(self._rendering))
            size += len(taken[-1])
            self.position = frame.end
            at += 1
        self._at, self._first = at, False
        return b"".join(taken)

    def _end(self) -> bytes:
        """Return the end of the job, once after each change of a job that has ended."""
        snapshot = self._feed.snapshot
        if snapshot is None or not snapshot.job.over:
            return b""
        revision = snapshot.job.revision
        if self._end_told == revision or self.position != snapshot.position:
            return b""
        self._end_told = revision
        return sse("end", to_json({"revision": revision}), self.position)

    def _joins(self, snapshot: Snapshot) -> bool:
        """Join the ring if it goes on where we are. Within a revision it is not known which runs we
        have seen: those who stopped there are sent all."""
        if not self.position.whole:
            return False
        if self.position == snapshot.position:
            self._at = snapshot.number
        else:
            at = self._feed.ring.following(self.position)
            frame = None if at is None else self._feed.ring.get(at)
            large = frame is not None and frame.output_size > FIRST_BYTES
            self._at = None if self._first and large else at
        return self._at is not None

    def _ahead(self, snapshot: Snapshot) -> bytes:
        """We have seen more than this bot has read yet, on another one. If it still has not after
        it has read again, that position never was: begin where the job is."""
        if self._feed.reads > self._reads:
            return self._arrived(snapshot, "resync")
        return b""

    async def _replayed(self, target: Snapshot) -> bytes:
        """Return lines from the database, or how the job is once all lines are sent."""
        job, revision = target.job, target.job.revision
        async with self._replays:
            pieces = await self._ledger.pieces(job.id, self.position, revision)
        if not pieces:
            return self._arrived(target, "news")
        made = list(lines_only(self.position, job, target.state, pieces, first=self._first))
        self._first = False
        self.position = made[-1].end
        if len(pieces) == PIECES:
            return self._together(made)
        return self._together(made) + self._arrived(target, "news")

    def _arrived(self, target: Snapshot, event: str) -> bytes:
        self._target, self._at = None, target.number
        made = state_frames(self.position, target.job, target.state, target.runs, event)
        self.position = target.position
        return self._together(made)

    def _together(self, made: Sequence[Frame]) -> bytes:
        return b"".join(frame.rendered(self._rendering) for frame in made)
