"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_at_most(seconds: float | None, what: Awaitable[object]) -> bool:
    """Wait until `what` is done, at most `seconds` (None: for ever); whether it was.

    What takes longer is cancelled. A TimeoutError of its own counts as one of ours.
    """
    try:
        async with asyncio.timeout(seconds):
            await what
    except TimeoutError:
        return False
    return True


async def outlast(what: Awaitable[T]) -> tuple[T, bool]:
    """Return what comes of `what`, and whether the caller was cancelled meanwhile, who must raise
    CancelledError then: when he has done what there is to do about the result.

    `what` must have an end of its own. If it fails and the caller was cancelled, that is raised.
    """
    task, cancelled = asyncio.ensure_future(what), False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and (task.cancelled() or task.exception() is not None):
        raise asyncio.CancelledError
    return task.result(), cancelled
