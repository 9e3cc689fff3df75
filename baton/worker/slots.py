"""The slots of a runner: how many jobs it does at a time, and how many more it may be handed.

A job is acknowledged before it runs, so RabbitMQ's prefetch alone bounds nothing: for each one that
is acknowledged it hands out the next. So whatever may be handed out has a slot. Before a job is
acknowledged that would leave too few, it waits a moment for another one to end, which is all that
short jobs need; then the consumers are paused until slots are free. What an earlier life of the
worker had taken needs slots too, and gets them before anything that arrives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from baton.bus.channel import Subscription
from baton.errors import BatonError

log = structlog.get_logger(__name__)

HOLD = 5.0
"""Seconds for which a job that was handed out waits here for a slot; then it is given back."""
RETRY = 5.0
"""Seconds until consumers that RabbitMQ refuses are tried again."""
MOMENT = 0.1
"""Seconds for which a job waits for another one to end before the consumers are paused."""
GATHER = 0.05
"""Seconds for which slots are gathered before the consumers go on, unless half of them are free."""


def window(concurrency: int, free: int, queues: int) -> int:
    """Return how many unsettled jobs each of so many consumers may have; 0: none. Pure.

    It is a quarter, so that most slots are left for jobs that run while others arrive.
    """
    return max(1, min(concurrency // 4, free) // max(queues, 1)) if free > 0 else 0


class Slot:
    """A slot that a job has."""

    __slots__ = ("_settled", "_slots")

    def __init__(self, slots: Slots, *, settled: bool = False) -> None:
        self._slots = slots
        self._settled = settled

    async def settle(self) -> None:
        """Return once the job can be acknowledged without more being handed out than is free."""
        if not self._settled:
            await self._slots.make_room()
            self._settled = True

    def leave(self) -> None:
        """Free the slot."""
        self._slots.leave(self._settled)


class Slots:
    """The slots of one runner, and its consumers."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._subscriptions: Sequence[Subscription] = ()
        self._taken = 0
        self._running = 0
        self._to_count = 0
        self._entering: deque[asyncio.Future[bool]] = deque()
        self._left: deque[asyncio.Future[bool]] = deque()
        self._settling: deque[asyncio.Future[bool]] = deque()
        self._allowed = 0
        self._pausing: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._resting = self._stopped = False
        self._heir: Slots | None = None

    def first(self, queues: int) -> int:
        """Return how many unsettled jobs each of so many consumers may have to begin with."""
        free = self._concurrency - self._taken
        self._allowed = max(window(self._concurrency, free, queues), 1)
        return self._allowed

    def serve(self, subscriptions: Sequence[Subscription]) -> None:
        """Pause and resume these."""
        self._subscriptions = subscriptions

    async def enter(self) -> Slot | None:
        """Take a slot; None if there was none within HOLD seconds, or no more are given."""
        if self._stopped:
            return None
        if self._taken < self._concurrency:
            self._taken += 1
            return Slot(self)
        self._pause()
        return Slot(self) if await _wait(self._entering, HOLD, self._not_used) else None

    async def enter_left(self) -> Slot:
        """Take a slot for a job that an earlier life left, ahead of what arrives. It waits until
        one is free."""
        if self._taken < self._concurrency:
            self._taken += 1
        else:
            waiting = asyncio.get_running_loop().create_future()
            self._left.append(waiting)
            try:
                await waiting
            except asyncio.CancelledError:
                if not waiting.cancelled():
                    self._not_used()
                raise
        self._now._running += 1
        return Slot(self._now, settled=True)

    async def make_room(self) -> None:
        """Wait until one more job may be acknowledged, and count it."""
        if self._allowed and not self._has_room() and self._concurrency > self._coming:
            await _wait(self._settling, MOMENT)
        if self._allowed and not self._has_room():
            self._pause()
        self._to_count += 1  # or what is free would be handed out before this job is counted
        try:
            while self._pausing is not None:
                await asyncio.wait([self._pausing])
        finally:
            self._to_count -= 1
        self._now._running += 1
        self._now._resume()

    def leave(self, settled: bool) -> None:
        """Free a slot: for the job that has waited longest, if there is one."""
        if self._heir is not None:
            self._heir.leave(settled)
            return
        self._running -= settled
        _wake(self._settling)
        if self._taken > self._concurrency or not (_wake(self._left) or _wake(self._entering)):
            self._taken -= 1
        self._resume()

    async def rest(self, seconds: float) -> None:
        """Be handed nothing for so long; returns once that is so."""
        if not self._resting:
            self._resting = True
            asyncio.get_running_loop().call_later(seconds, self._rested)
        self._pause()
        while self._pausing is not None:
            await asyncio.wait([self._pausing])

    async def stop(self) -> None:
        """Be handed nothing more; what waits for a slot is given back."""
        self._stopped = True
        for task in (self._pausing, self._resuming):
            if task is not None:
                await asyncio.wait([task])
        await asyncio.gather(*(each.cancel() for each in self._subscriptions))
        for waiting in self._entering:
            _end(waiting, False)

    async def hand_over(self, concurrency: int) -> Slots:
        """Be handed nothing more; return so many slots of the same runner, some of which the jobs
        that run now have already."""
        await self.stop()
        self._heir = heir = Slots(concurrency)
        heir._taken, heir._running, heir._left = self._taken, self._running, self._left
        while heir._taken < concurrency and _wake(heir._left):
            heir._taken += 1
        return heir

    @property
    def _now(self) -> Slots:
        """Return the slots that count now."""
        return self if self._heir is None else self._heir._now

    @property
    def _coming(self) -> int:
        return self._allowed * max(len(self._subscriptions), 1)

    def _has_room(self) -> bool:
        return self._running + 1 + self._coming <= self._concurrency

    def _not_used(self) -> None:
        """Free a slot whose taker was cancelled in the turn in which it was woken."""
        self.leave(settled=False)

    def _rested(self) -> None:
        self._resting = False
        self._resume()

    def _pause(self) -> None:
        if self._allowed and self._pausing is None and not self._stopped:
            self._allowed = 0
            self._pausing = asyncio.create_task(self._pause_all(self._resuming))

    async def _pause_all(self, resuming: asyncio.Task[None] | None) -> None:
        try:
            if resuming is not None:
                await asyncio.wait([resuming])
            await asyncio.gather(*(each.pause() for each in self._subscriptions))
        finally:
            self._pausing = None
            self._resume()

    def _resume(self) -> None:
        idle = self._resuming is None and self._pausing is None and not self._allowed
        if self._to_count:
            return
        if idle and not self._resting and not self._stopped and self._taken < self._concurrency:
            self._resuming = asyncio.create_task(self._resume_all())

    async def _resume_all(self) -> None:
        try:
            await asyncio.sleep(0)  # what ends in this turn frees its slot first
            if self._concurrency - self._taken < self._concurrency // 2:
                await asyncio.sleep(GATHER)
            free = self._concurrency - self._taken
            allowed = window(self._concurrency, free, len(self._subscriptions))
            if not allowed or self._stopped or self._resting:
                return
            self._allowed = allowed
            await asyncio.gather(*(each.resume(allowed) for each in self._subscriptions))
        except BatonError as error:
            log.error("no jobs are taken", error=str(error))
            self._allowed = 0
            self._resting = True  # a consumer of ours may be back before we try again: it is paused
            asyncio.get_running_loop().call_later(RETRY, self._rested)
        finally:
            self._resuming = None


async def _wait(
    queue: deque[asyncio.Future[bool]], seconds: float, not_used: Callable[[], None] | None = None
) -> bool:
    """Wait in `queue` until somebody is woken; False if that took too long. `not_used` is called if
    whoever waits is cancelled in the turn in which it was woken."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[bool] = loop.create_future()
    queue.append(waiting)
    timer = loop.call_later(seconds, _end, waiting, False)
    try:
        return await waiting
    except asyncio.CancelledError:
        if not_used is not None and not waiting.cancelled() and waiting.done() and waiting.result():
            not_used()
        raise
    finally:
        timer.cancel()
        if waiting in queue:
            queue.remove(waiting)


def _wake(queue: deque[asyncio.Future[bool]]) -> bool:
    """Wake who has waited longest; return whether there is one."""
    while queue:
        waiting = queue.popleft()
        if not waiting.done():
            waiting.set_result(True)
            return True
    return False


def _end(waiting: asyncio.Future[bool], result: bool) -> None:
    if not waiting.done():
        waiting.set_result(result)
