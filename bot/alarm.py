"""Alarm: rings once, at the moment that it was last set to. The only importer of APScheduler.

It holds one job however many schedules there are: our own table decides what is due, APScheduler
wakes us for the first of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Alarm:
    """Calls `ring` when it is time; used on one event loop."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more."""
        self._scheduler.shutdown(wait=False)

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, and not when it was set to before."""
        at = datetime.now(UTC) + timedelta(seconds=max(seconds, 0.0))
        self._scheduler.add_job(
            self._rings,
            "date",
            run_date=at,
            id="next",
            replace_existing=True,
            misfire_grace_time=None,
        )

    async def _rings(self) -> None:
        # a coroutine, so that it runs on our loop and in no thread
        self._ring()
