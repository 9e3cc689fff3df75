"""Blind is not down: while we cannot see, no server counts as down, and the channels are notified
that we cannot see.

Without the bus, the database or the chat there is nothing to decide on, so no state changes. A
short loss is not worth a message, and two losses close together share one post. The network is not
checked separately: without it one of those links is lost, and that is reported.

Source: a rule of our own; nothing like it was copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class VisibilityRow:
    """Which of our links are lost (`gone`, in words), since when, and until when they were;
    `notified` are the channels that were notified. `number` counts the outages that have a post of
    their own; `lost` is everything that was lost since the last one began, restored or not."""

    number: int = 0
    gone: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    notified: Annotated[tuple[str, ...], Field(alias="told")] = ()
    lost: tuple[str, ...] = ()


class Visibility:
    """Knows whether we see. A loss of `after` seconds is worth a message, whose post is used again
    for a loss that begins within `again` seconds after it."""

    def __init__(self, row: VisibilityRow, after: float, again: float) -> None:
        self.row = row
        self._after, self._again = after, again
        self._moved = False

    def reload(self, after: float, again: float) -> None:
        """Use other settings."""
        self._after, self._again = after, again

    def restore(self, row: VisibilityRow) -> None:
        """Restore the state from `row`."""
        self.row = row
        self._moved = bool(row.notified)

    @property
    def blind(self) -> bool:
        """Whether a link is lost that we need to see."""
        return bool(self.row.gone)

    def link_lost(self, what: str, at: float) -> None:
        """The link `what` is lost."""
        row = self.row
        if what in row.gone:
            return
        gone = (*row.gone, what)
        lost = tuple(dict.fromkeys((*row.lost, what)))
        if row.gone:
            self.row = VisibilityRow(row.number, gone, row.since, None, row.notified, lost)
        elif row.notified and row.until is not None and at < row.until + self._again:
            self.row = VisibilityRow(row.number, gone, at, None, row.notified, lost)
        else:
            self.row = VisibilityRow(row.number + 1, gone, at, lost=(what,))
        self._moved = True

    def link_restored(self, what: str, at: float) -> bool:
        """The link `what` is restored. Return whether we see again because of that."""
        row = self.row
        if what not in row.gone:
            return False
        gone = tuple(one for one in row.gone if one != what)
        until = at if not gone else None
        self.row = replace(row, gone=gone, until=until)
        self._moved = True
        return not gone

    def wake_at(self, channels: tuple[str, ...], opens: Callable[[str], float]) -> float:
        """Return when `tick` must be called next."""
        if self._moved:
            return -math.inf
        if not self.blind or self.row.since is None:
            return math.inf
        worth = self.row.since + self._after
        waiting = [channel for channel in channels if channel not in self.row.notified]
        return min((max(worth, opens(channel)) for channel in waiting), default=math.inf)

    def tick(
        self, now: float, channels: tuple[str, ...], opens: Callable[[str], float]
    ) -> tuple[VisibilityRow | None, list[str], list[str]]:
        """Return the row to store, the channels whose posts must show it, and those of them in
        which that is a new message."""
        fresh: list[str] = []
        row = self.row
        if self.blind and row.since is not None and now >= row.since + self._after:
            fresh = [one for one in channels if one not in row.notified and opens(one) <= now]
            self.row = row = replace(row, notified=(*row.notified, *fresh))
        if not (self._moved or fresh):
            return None, [], []
        shown = list(row.notified) if self._moved else fresh
        self._moved = False
        return row, shown, fresh
