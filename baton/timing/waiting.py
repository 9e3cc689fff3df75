"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


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
