"""Counts faults of one thing while all others continue, and logs each at most once a minute."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two lines of the log about the same fault."""
MAX_KNOWN = 1000
"""Different faults that are remembered; beyond, all are logged anew."""


class FaultLog:
    """Logs faults of the alert runner. `now` is in steady seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.count = 0
        """How many there were."""
        self._now = now
        self._logged: dict[tuple[str, str, str], float] = {}

    def add(self, event: str, error: Exception, **context: object) -> None:
        """Count it, and log it unless the same was logged less than LOG_INTERVAL ago. Another
        `part` in `context` is another fault."""
        self.count += 1
        same = (event, type(error).__name__, str(context.get("part", "")))
        at = self._now()
        if self._logged.get(same, -LOG_INTERVAL) + LOG_INTERVAL <= at:
            self._logged[same] = at
            log.error(event, **context, exc_info=error)
        if len(self._logged) > MAX_KNOWN:
            self._logged.clear()

    def note(self, event: str, reason: str) -> None:
        """Count and log something that came in and cannot be used."""
        self.count += 1
        log.error(event, reason=reason)
