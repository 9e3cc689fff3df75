"""An excerpt is how much of a run's output is reported: its beginning, and its last part. Pure.

Errors stand at the end, and how it began at the beginning; a flood is in between.
"""

from __future__ import annotations

from collections import deque

HEAD_LIMIT = 4_000_000
"""Characters of output that a run reports as they come."""
TAIL_LIMIT = 256_000
"""Characters of what follows that are reported at its end: the last ones."""
BETWEEN_LIMIT = 744_000
"""Characters of what follows that are reported before its end, when a step is over."""
STEP_LIMIT = 64_000
"""Characters of those that are reported of one step: the last ones."""


class Excerpt:
    """An excerpt takes output piece by piece. Past the head it keeps the last part until that is
    asked for."""

    def __init__(self) -> None:
        self._head = HEAD_LIMIT
        self._between = BETWEEN_LIMIT
        self._tail: deque[tuple[str, str]] = deque()
        self._size = 0
        self._left_out = 0
        self.left_out = 0
        """Characters that were not and will not be reported, so far."""

    @property
    def flooded(self) -> bool:
        """Return whether the head is full."""
        return self._head <= 0

    def head(self, text: str, step: str) -> str:
        """Return what of `text` to report now; the rest is kept as a part of the tail."""
        now, rest = _parted(text, max(0, self._head))
        self._head -= len(now) + 1  # with the line's end
        if rest:
            self._head = 0  # what follows is behind the rest
            self._tail.append((step, rest))
            self._size += len(rest)
            while self._size - len(self._tail[0][1]) >= TAIL_LIMIT:
                self._drop(len(self._tail.popleft()[1]))
        return now

    def tail(self, *, last: bool = False) -> list[tuple[str, str]]:
        """Steps and texts to report now: at the end (`last`) all of the tail, before that what
        there is room for. The first says how much was left out before it."""
        room = TAIL_LIMIT if last else min(STEP_LIMIT, self._between)
        if not self._tail or (not last and room < STEP_LIMIT):
            return []
        while self._size > room:
            step, text = self._tail.popleft()
            cut = min(self._size - room, len(text))
            end = text.find("\n", cut)
            if end >= 0:
                cut = end + 1
            elif self._tail:
                cut = len(text)  # whole lines, as long as there are others
            self._drop(cut)
            if cut < len(text):
                self._tail.appendleft((step, text[cut:]))
        found = list(self._tail)
        if not last:
            self._between -= self._size
        if self._left_out:
            step = found[0][0] if found else ""
            found.insert(0, (step, f"… ({self._left_out:,} characters were left out here) …"))
        self._tail.clear()
        self._size = self._left_out = 0
        return found

    def _drop(self, characters: int) -> None:
        self._size -= characters
        self._left_out += characters
        self.left_out += characters


def _parted(text: str, limit: int) -> tuple[str, str]:
    """`text` up to about `limit` characters, and the rest: in whole lines, if there are any."""
    if len(text) <= limit:
        return text, ""
    end = text.rfind("\n", 0, limit + 1)
    return (text[:end], text[end + 1 :]) if end >= 0 else (text[:limit], text[limit:])
