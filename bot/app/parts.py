"""The parts of a bot that run by themselves: an error of ours in one of them fails the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

import structlog

log = structlog.get_logger(__name__)


class Parts:
    """Starts parts, and knows the first that failed."""

    def __init__(self) -> None:
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Return the task that does `work`, a part of the bot that is called `name`."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def fail(self, part: str, error: BaseException) -> None:
        """The bot works no longer, or only half, since `part` failed."""
        log.critical("a part of the bot failed", part=part, exc_info=error)
        self._failure = self._failure or error
        self._has_failed.set()

    async def failed(self) -> NoReturn:
        """Wait until a part ends by an error of ours, and raise that error."""
        await self._has_failed.wait()
        assert self._failure is not None
        raise self._failure

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(task.get_name(), error)


async def cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel `tasks`, and return when all are over."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
