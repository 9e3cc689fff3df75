"""The parts of a bot that run as tasks: an error of ours in one of them fails the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

import structlog

log = structlog.get_logger(__name__)


class Parts:
    """Starts parts, and remembers the first that failed."""

    def __init__(self) -> None:
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` as the part called `name`. Return its task."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def fail(self, part: str, error: BaseException) -> None:
        """Note that `part` failed: the bot works only in part from now on."""
        log.critical("a part of the bot failed", part=part, exc_info=error)
        self._failure = self._failure or error
        self._has_failed.set()

    async def failed(self) -> NoReturn:
        """Wait until a part fails, and raise its error."""
        await self._has_failed.wait()
        assert self._failure is not None
        raise self._failure

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(task.get_name(), error)


async def cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel `tasks`, and return when all have ended."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
