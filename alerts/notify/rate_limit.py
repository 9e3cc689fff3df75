"""How much a channel is spoken to: so many messages within so many seconds, whatever happens.

Source: a sliding window log, the exact kind of rate limit: no window of that length holds more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """The times of the last messages in a channel, steady seconds, oldest first."""

    channel: str
    sent: tuple[float, ...] = ()


class MessageBudget:
    """The messages of one channel. Edits and quiet posts in threads are not counted."""

    def __init__(self, row: ChannelRow, within: float) -> None:
        self.row = row
        self._within = within

    def opens_at(self, now: float, most: int) -> float:
        """When there is room for one more message under `most`: at once, or in the future."""
        recent = [at for at in self.row.sent if at > now - self._within]
        return now if len(recent) < most else recent[-most] + self._within

    def record(self, now: float) -> None:
        """A message is said."""
        recent = [at for at in self.row.sent if at > now - self._within]
        self.row = ChannelRow(self.row.channel, (*recent, now))
