"""Runs something for as long as the bot is healthy."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bot.app.bot import Bot

T = TypeVar("T")


async def run_while_healthy(bot: Bot, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns. If a part of the bot fails meanwhile, cancel `work` and raise the
    error of that part."""
    task = asyncio.ensure_future(work)
    failing = asyncio.ensure_future(bot.failed())
    try:
        await asyncio.wait({task, failing}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else failing.result()
    finally:
        for each in (task, failing):
            each.cancel()
        await asyncio.gather(task, failing, return_exceptions=True)
