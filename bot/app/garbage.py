"""Memory of a program that makes many objects and few cycles, and that runs for months."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes

THRESHOLDS = (5_000, 20, 20)
"""With the defaults a bot spends a tenth of its time, and sometimes 0.2 s at once, in searching for
cycles among objects that stay."""
RETURN_INTERVAL = 30.0
"""Seconds between two times at which free memory is given back."""


async def return_free_memory() -> None:
    """Give memory that is free back to the system, where the C library can.

    glibc keeps what lies below something that is still in use: after 500 people had watched a job
    twice, a bot of 114 MB kept 20 MB to 50 MB for nothing. It takes some 10 ms, beside the event
    loop.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        await asyncio.to_thread(ctypes.CDLL(None).malloc_trim, 0)
