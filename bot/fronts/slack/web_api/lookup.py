"""A cached answer of Slack. Only one call runs at a time, whoever waits for it, and it runs to
its end even if nobody waits any more. So a slow answer is there for the next caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from bot.fronts.errors import FrontError, Throttled
from bot.fronts.slack.tasks import BackgroundTasks

T = TypeVar("T")
log = structlog.get_logger(__name__)


class CachedLookup(Generic[T]):
    """Caches the result of `ask`. Times are in seconds; `clock` is monotonic."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[T]],
        tasks: BackgroundTasks,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._tasks = tasks
        self._clock = clock
        self._known: list[T] = []
        self._asked = 0.0
        self._not_before = 0.0
        self._running: asyncio.Task[None] | None = None
        self._error: FrontError | None = None

    async def get(self, *, fresh: float, patience: float, stale: float = 0.0) -> T:
        """Return the cached result if it is no older than `fresh`, else ask Slack. If Slack does
        not answer within `patience`, return the cached result if it is no older than `stale`.

        Raises FrontError if the call failed, TimeoutError if it is still running.
        """
        if self._known and self._clock() - self._asked < fresh:
            return self._known[0]
        if self._running is None and self._clock() >= self._not_before:
            self._error = None
            self._running = self._tasks.run(self._look_up())
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=patience)
        if self._known and self._clock() - self._asked < max(fresh, stale):
            return self._known[0]
        if self._error is not None:
            raise self._error
        raise TimeoutError

    async def _look_up(self) -> None:
        asked = self._clock()
        try:
            found = await self._ask()
        except FrontError as error:
            self._error = error
            if isinstance(error, Throttled):
                self._not_before = self._clock() + error.seconds
            log.warning("a request to Slack failed", reason=str(error))
        else:
            self._known, self._asked = [found], asked
        finally:
            self._running = None
