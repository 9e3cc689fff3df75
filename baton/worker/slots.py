"""The slots of a runner: how many jobs it does at a time, and how many more it may be handed.

A job is acknowledged before it runs, so RabbitMQ's prefetch alone bounds nothing: for each one that
is acknowledged it hands out the next. So whatever is handed out has a slot: the consumers of a
runner are paused before an acknowledgement if there would be more to come than slots are free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from baton.bus.channel import Subscription
from baton.errors import BatonError

log = structlog.get_logger(__name__)

HOLD = 5.0
"""Seconds for which a job that was handed out waits here for a slot; then it is given back."""


def window(concurrency: int, busy: int, held: int, queues: int) -> int:
    """Return how many unsettled jobs each of the paused consumers may have; 0: none. Pure.

    Half of what is free, so that jobs can be acknowledged before the consumers are paused again.
    """
    free = concurrency - busy - held
    return max(1, free // (2 * queues)) if free > 0 else 0


def must_pause(concurrency: int, busy: int, allowed: int, queues: int) -> bool:
    """Return whether one more job that runs leaves too few slots for what may be handed out, if
    each of the `queues` is allowed so many. Pure."""
    return busy + allowed * queues > concurrency


class Slots:
    """The slots of one runner, and its consumers."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._subscriptions: Sequence[Subscription] = ()
        self._busy = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._allowed = self.first
        self._pausing: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._resting = self._stopped = False

    @property
    def first(self) -> int:
        """Return how many unsettled jobs a consumer may have to begin with."""
        return max(1, self._concurrency // 2)

    @property
    def busy(self) -> int:
        """Return how many slots are taken."""
        return self._busy

    def serve(self, subscriptions: Sequence[Subscription]) -> None:
        """Pause and resume these."""
        self._subscriptions = subscriptions

    async def enter(self) -> bool:
        """Take a slot; False if none was free within HOLD seconds, or it has been stopped."""
        if self._stopped:
            return False
        if self._busy >= self._concurrency:
            waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            self._pause()
            timer = asyncio.get_running_loop().call_later(HOLD, _end, waiting, False)
            try:
                return await waiting
            finally:
                timer.cancel()
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
        self._busy += 1
        return True

    async def settle(self) -> None:
        """Wait until a job can be acknowledged without more being handed out than is free."""
        queues = len(self._subscriptions)
        if self._allowed and must_pause(self._concurrency, self._busy, self._allowed, queues):
            self._pause()
        while self._pausing is not None:
            await asyncio.wait([self._pausing])

    def leave(self) -> None:
        """Free a slot, for the job that has waited longest if there is one."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(True)
                return
        self._busy -= 1
        self._resume()

    async def rest(self, seconds: float) -> None:
        """Be handed nothing for so long; returns once that is so."""
        if not self._resting:
            self._resting = True
            asyncio.get_running_loop().call_later(seconds, self._rested)
        self._pause()
        while self._pausing is not None:
            await asyncio.wait([self._pausing])

    def _rested(self) -> None:
        self._resting = False
        self._resume()

    async def stop(self) -> None:
        """Be handed nothing more; what waits for a slot is given back."""
        self._stopped = True
        for task in (self._pausing, self._resuming):
            if task is not None:
                await asyncio.wait([task])
        await asyncio.gather(*(each.cancel() for each in self._subscriptions))
        for waiting in self._waiting:
            _end(waiting, False)

    def _pause(self) -> None:
        if self._allowed and self._pausing is None and not self._stopped:
            self._allowed = 0
            self._pausing = asyncio.create_task(self._pause_all(self._resuming))

    async def _pause_all(self, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await asyncio.gather(*(each.pause() for each in self._subscriptions))
        finally:
            self._pausing = None
            self._resume()

    def _resume(self) -> None:
        if self._allowed or self._resuming is not None or self._pausing is not None:
            return
        if self._resting or self._stopped:
            return
        if window(self._concurrency, self._busy, len(self._waiting), 1):
            self._resuming = asyncio.create_task(self._resume_all())

    async def _resume_all(self) -> None:
        try:
            await asyncio.sleep(0)  # what ends in this turn frees its slot first
            allowed = window(
                self._concurrency, self._busy, len(self._waiting), max(len(self._subscriptions), 1)
            )
            if not allowed or self._stopped:
                return
            self._allowed = allowed
            await asyncio.gather(*(each.resume(allowed) for each in self._subscriptions))
        except BatonError as error:
            log.error("no jobs are taken", error=str(error))
            self._allowed = 0  # tried again when a job ends
        finally:
            self._resuming = None


def _end(waiting: asyncio.Future[bool], result: bool) -> None:
    if not waiting.done():
        waiting.set_result(result)
