"""Counts other programs that use our tokens: Slack sends such a program a part of the commands.

Slack says at each new connection how many the app has. The connections of our own bots are known.
One that is just closing is not, so a count is checked again before it is reported. Pure.
"""

from __future__ import annotations

RECHECK_INTERVAL = 20.0
"""Seconds after which a count that is too high is looked at once more."""
WATCH_INTERVAL = 300.0
"""Seconds between two looks while it stays too high, to see when that is over."""


class ForeignConnections:
    """Counts the app's connections that no bot of ours holds. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.count = 0
        """How many there are, as far as is sure."""
        self._since: float | None = None
        self._seen = 0.0

    def observe(self, counted: int, ours: int, now: float) -> bool:
        """Compare Slack's count with `ours`, the number that can be our own. Return whether
        `count` has changed."""
        before, extra = self.count, counted - ours
        if extra <= 0:
            self.count, self._since = 0, None
        elif self._since is None:
            self._since = now
        elif now - self._since >= RECHECK_INTERVAL:
            self.count = extra
        self._seen = now
        return self.count != before

    def seconds_to_next_check(self, now: float) -> float | None:
        """Return the seconds after which a new connection must be made to check again; None if
        no check is due."""
        if self._since is None:
            return None
        return self._seen + (WATCH_INTERVAL if self.count else RECHECK_INTERVAL) - now
