"""Blind is not down: while we cannot see, nobody is called dead; the channels hear that we cannot.

Without the bus, the database, the network or the chat there is nothing to decide on, so nothing
moves. A short blink is not worth a word; two fits of blindness close together share a post. The
network is not looked at by itself: without it one of those links is gone, and that is what is said.

Source: our own rule; nothing like it was copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class VisibilityRow:
    """What of us is gone (`gone`, in words), since when, and until when it was; `notified` are the
    channels that heard of it. `number` counts the times that a channel was told; `lost` is all
    that was gone since then, back or not."""

    number: int = 0
    gone: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    notified: Annotated[tuple[str, ...], Field(alias="told")] = ()
    lost: tuple[str, ...] = ()


class Visibility:
    """Whether we see. `after` seconds of blindness are worth a word; the post about one is used
    again within `again` seconds."""

    def __init__(self, row: VisibilityRow, after: float, again: float) -> None:
        self.row = row
        self.after, self.again = after, again
        self._moved = False

    def restore(self, row: VisibilityRow) -> None:
        """Go on where the row says it was."""
        self.row = row
        self._moved = bool(row.notified)

    @property
    def blind(self) -> bool:
        """Whether anything is gone that we need to see."""
        return bool(self.row.gone)

    def link_lost(self, what: str, at: float) -> None:
        """`what` is gone."""
        row = self.row
        if what in row.gone:
            return
        gone = (*row.gone, what)
        lost = tuple(dict.fromkeys((*row.lost, what)))
        if row.gone:
            self.row = VisibilityRow(row.number, gone, row.since, None, row.notified, lost)
        elif row.notified and row.until is not None and at < row.until + self.again:
            self.row = VisibilityRow(row.number, gone, at, None, row.notified, lost)
        else:
            self.row = VisibilityRow(row.number + 1, gone, at, lost=(what,))
        self._moved = True

    def link_restored(self, what: str, at: float) -> bool:
        """`what` is back; whether that lets us see again."""
        row = self.row
        if what not in row.gone:
            return False
        gone = tuple(one for one in row.gone if one != what)
        until = at if not gone else None
        self.row = replace(row, gone=gone, until=until)
        self._moved = True
        return not gone

    def wake_at(self, channels: tuple[str, ...], opens: Callable[[str], float]) -> float:
        """When `tick` has something to do next."""
        if self._moved:
            return -math.inf
        if not self.blind or self.row.since is None:
            return math.inf
        worth = self.row.since + self.after
        untold = [channel for channel in channels if channel not in self.row.notified]
        return min((max(worth, opens(channel)) for channel in untold), default=math.inf)

    def tick(
        self, now: float, channels: tuple[str, ...], opens: Callable[[str], float]
    ) -> tuple[VisibilityRow | None, list[str], list[str]]:
        """What to write down, the channels in whose posts it is to be shown, and those of them in
        which that is a message."""
        fresh: list[str] = []
        row = self.row
        if self.blind and row.since is not None and now >= row.since + self.after:
            fresh = [one for one in channels if one not in row.notified and opens(one) <= now]
            self.row = row = replace(row, notified=(*row.notified, *fresh))
        if not (self._moved or fresh):
            return None, [], []
        shown = list(row.notified) if self._moved else fresh
        self._moved = False
        return row, shown, fresh
