"""A run is a job's share on one server, as the consumer that does it sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from pydantic import JsonValue

from baton.bus.bounds import MAX_TEXT
from baton.bus.messages import Level, Message, Pong, Request, State, Update
from baton.command import Command
from baton.observer import Observable, Observer
from baton.text.excerpt import Excerpt

C = TypeVar("C", bound=Command)

FLUSH_AFTER = 0.1
"""Output lines that come within this many seconds travel as one update."""
UPDATE_LIMIT = MAX_TEXT
"""Characters of output in one update, at most."""


class Run(Observable, Generic[C]):
    """A run is a request in progress on this server: what was requested, and how to report on it.

    A run is closed once, by the first of `notify_success`, `notify_error` or `close`; later
    messages are dropped. A consumer that returns without closing its run has succeeded.

    `source` is who does it, if that is not `host`. Its updates are numbered from the one after
    `sequence`.
    """

    def __init__(
        self,
        request: Request,
        command: C,
        *,
        host: str,
        source: str = "",
        sequence: int = 0,
        observers: tuple[Observer, ...] = (),
        attributes: dict[str, JsonValue] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(observers)
        self.request = request
        self.command = command
        self.host = host
        self.source = source or host
        self.closing: Message | None = None
        self._attributes = attributes or {}
        self._clock = clock
        self._started = clock()
        self._sequence = sequence
        self._pending: list[str] = []
        self._pending_step = ""
        self._pending_size = 0
        self._excerpt = Excerpt()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def sequence(self) -> int:
        """Return the number of its last update."""
        return self._sequence

    @property
    def seconds(self) -> float:
        """Return how long it has been running, in seconds."""
        return self._clock() - self._started

    def say(
        self,
        level: Level,
        text: str,
        *,
        step: str,
        percent: int | None,
        facts: dict[str, JsonValue],
    ) -> None:
        """Report `text`; `success` and `error` close the run."""
        if level == "success":
            self.close(State.SUCCEEDED, text, **facts)
        elif level == "error":
            self.close(State.FAILED, text, **facts)
        elif self.closing is None and level == "log":
            self._collect(text, step)
        elif self.closing is None:
            self._surface()
            if percent is not None:
                percent = min(100, max(0, int(percent)))
            self.notify(self._update(State.RUNNING, level, text, step, percent, facts))

    def accept(self, **facts: JsonValue) -> None:
        """Report that the request is accepted and begins."""
        self.notify(self._update(State.ACCEPTED, "info", "", "", None, facts))

    def close(self, state: State, text: str = "", **facts: JsonValue) -> Message:
        """End the run in `state`, unless it has ended; return how it ended.

        The closing message waits in `closing` until the journal holds it.
        """
        if self.closing is None:
            self._surface(last=True)
            if self._excerpt.left_out:
                text = f"{text} ({self._excerpt.left_out:,} characters of output were left out)"
                text = text.strip()
            level: Level = "success" if state is State.SUCCEEDED else "error"
            percent = 100 if state is State.SUCCEEDED else None
            self.closing = self._update(state, level, text, "", percent, facts)
        return self.closing

    def answer(self, pong: Pong) -> None:
        """End the run with a pong, which by itself reports success."""
        if self.closing is None:
            self._surface(last=True)
            self.closing = pong

    def _collect(self, text: str, step: str) -> None:
        if step != self._pending_step:
            self._surface()
            self._pending_step = step
        now = self._excerpt.head(text, step)
        if now or not (text or self._excerpt.flooded):
            self._append(now)

    def _surface(self, *, last: bool = False) -> None:
        """Report the output that waits, and what was kept of a flood."""
        self._flush()
        for step, text in self._excerpt.tail(last=last):
            if step != self._pending_step:
                self._flush()
                self._pending_step = step
            self._append(text)
        self._flush()

    def _append(self, text: str) -> None:
        """Add output of the pending step to the next update."""
        for part in pieces(text, UPDATE_LIMIT):
            if self._pending and self._pending_size + len(part) > UPDATE_LIMIT:
                self._flush()
            self._pending.append(part)
            self._pending_size += len(part) + 1  # with the line's end
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            text, step = "\n".join(self._pending), self._pending_step
            self._pending, self._pending_size = [], 0
            self.notify(self._update(State.RUNNING, "log", text, step, None, {}))

    def _update(
        self,
        state: State,
        level: Level,
        text: str,
        step: str,
        percent: int | None,
        facts: dict[str, JsonValue],
    ) -> Update:
        update = Update(
            source=self.source,
            job=self.request.job,
            request=self.request.id,
            attempt=self.request.attempt,
            host=self.host,
            environment=self.request.environment,
            command=self.request.command,
            sequence=self._sequence + 1,
            state=state,
            level=level,
            text=text if len(text) <= UPDATE_LIMIT else f"{text[: UPDATE_LIMIT - 1]}…",
            step=step,
            percent=percent,
            facts={**self._attributes, **facts},
        )
        self._sequence += 1  # only now: facts that are no JSON leave no gap
        return update


def pieces(text: str, limit: int) -> Iterator[str]:
    """Return `text` in pieces of at most `limit` characters, cut at line ends if there are any."""
    start = 0
    while len(text) - start > limit:
        end = text.rfind("\n", start, start + limit + 1)
        if end < start:
            yield text[start : start + limit]
            start += limit
        else:
            yield text[start:end]
            start = end + 1
    yield text[start:]
