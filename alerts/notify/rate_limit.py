"""The rate limit of a channel: at most so many messages within so many seconds.

Source: a sliding window log, which is exact: no window of that length has more messages.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """The times of the last messages in a channel, steady seconds, oldest first."""

    channel: str
    sent: tuple[float, ...] = ()


class MessageBudget:
    """Counts the messages of one channel. Edits, and posts in threads only, do not count."""

    def __init__(self, row: ChannelRow, within: float) -> None:
        self.row = row
        self._within = within

    def opens_at(self, now: float, most: int) -> float:
        """Return when one more message stays within the limit `most`: `now`, or a later time."""
        recent = [at for at in self.row.sent if at > now - self._within]
        return now if len(recent) < most else recent[-most] + self._within

    def record(self, now: float) -> None:
        """Count a message at `now`."""
        recent = [at for at in self.row.sent if at > now - self._within]
        self.row = ChannelRow(self.row.channel, (*recent, now))
