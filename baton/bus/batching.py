"""Batcher does group commit: what arrives during a commit shares the next one.

No timer: a lone item is flushed at once, and under load the batch grows to what arrived meanwhile
(DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

RETRY_DELAY = 0.5
"""Seconds between two tries of a batch while, say, the database is unavailable."""

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Passes items to `flush` in batches of at most `most`, one batch at a time, in order.

    `flush` returns a result for each item. A result that is an exception is raised to its submitter
    alone, an exception of `flush` itself to everybody in the batch.

    A batch that fails with `retry_on` (the database is unavailable) is retried until it succeeds,
    and what arrives meanwhile stays behind it. After `stop` it fails as with any other error.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        most: int = 500,
        *,
        retry_on: type[Exception] | tuple[()] = (),
    ) -> None:
        self._flush = flush
        self._most = most
        self._retry_on = retry_on
        self._stopping = asyncio.Event()
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """Wait for the batch of `item` and return its result."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="batcher")
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                size = min(self._most, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(size)]
                await self._settle(batch)
                await asyncio.sleep(0)  # who was waiting for it and goes on at once shares the next
        finally:
            self._worker = None

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flushed([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def _flushed(self, items: Sequence[T]) -> Sequence[R | Exception]:
        while True:
            try:
                return await self._flush(items)
            except self._retry_on as error:
                log.warning("batch failed, retrying", error=str(error), count=len(items))
                if await wait_at_most(RETRY_DELAY, self._stopping.wait()):
                    raise

    async def stop(self) -> None:
        """Retry nothing from now on, and wait until no item is left."""
        self._stopping.set()
        await self.drained()

    async def drained(self) -> None:
        """Wait until no item is left."""
        while self._worker is not None:
            await asyncio.wait([self._worker])
