"""Background work: referenced while it runs, logged if it fails, finished before the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)


class BackgroundTasks:
    """The tasks that are running."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    async def finish(self, seconds: float) -> None:
        """Wait up to `seconds` for the tasks that run now. Tasks that start later are not waited
        for."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work`; nobody waits for its result."""
        self.run(work).add_done_callback(_logged)

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work`, and return its task for a caller that waits."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def drain(self, seconds: float) -> int:
        """Wait up to `seconds` for all tasks, then cancel the rest. Return how many were
        cancelled."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._running:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(set(self._running), timeout=left)
        late = set(self._running)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)


def _logged(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work failed", work=repr(task.get_coro()), exc_info=error)
