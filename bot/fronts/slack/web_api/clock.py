"""Measures how far our clock is from Slack's clock, from every response of Slack."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

MAX_ROUND_TRIP = 5.0
"""Seconds; what took longer says too little of the moment at which Slack wrote it."""
MAX_SHIFT = 86_400.0


class SlackClock:
    """The difference between our clock and Slack's. All times are Unix seconds."""

    def __init__(self) -> None:
        self._least: float | None = None
        self._most = 0.0
        self._furthest = 0.0

    @property
    def ahead(self) -> float | None:
        """The seconds by which our clock is ahead of Slack's, negative if it is behind; None
        before the first response. The error is at most a second and the quickest round trip."""
        if self._least is None:
            return None
        if self._least <= 0 <= self._most:
            return 0.0
        return (self._least + self._most) / 2

    def by_slack(self, moment: float) -> float:
        """Return a `moment` of ours on Slack's clock, or an earlier one: our clock may have been
        set since, so the largest difference counts."""
        return moment - min(max(self._furthest, 0.0), MAX_SHIFT)

    def observe(self, date: str, sent: float, received: float) -> None:
        """Note the Date header of the response to a request that was sent at `sent`.

        Slack's date is cut to the second, and was written between `sent` and `received`. So each
        response bounds the difference, and several responses bound it better, until a clock is set.
        """
        if not 0 <= received - sent <= MAX_ROUND_TRIP:
            return
        try:
            stamp = parsedate_to_datetime(date).timestamp()
        except (ValueError, OverflowError, OSError):
            return
        least, most = sent - stamp - 1.0, received - stamp
        if self._least is not None and least <= self._most and most >= self._least:
            least, most = max(least, self._least), min(most, self._most)
        else:
            self._furthest = max(self._furthest, most)
        self._least, self._most = least, most
