"""Retries a console that does not answer, for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from baton.client.errors import Unreachable
from baton.timing.backoff import delay, jittered

Notice = Callable[[str], None]
"""Is told, in one sentence, that the console does not answer or asks to wait, or that it answers
again."""


def _unheard(text: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client tries again, in seconds: one request for `request`, what watches a job for
    `watch`. The first wait is `first`, and each is at most `longest`."""

    request: float = 15.0
    watch: float = 300.0
    first: float = 0.5
    longest: float = 10.0
    notice: Notice = _unheard
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


class Outage:
    """Failures in a row of the console at `url`, and the waits between them.

    `known` says what is known of what was asked, for the error that ends it.
    """

    def __init__(self, url: str, patience: Patience, seconds: float, known: str = "") -> None:
        self._url = url
        self._patience = patience
        self._seconds = seconds
        self._known = known
        self._failures = 0
        self._began = 0.0
        self._since = ""

    def over(self) -> None:
        """Note that the console answers."""
        if self._failures:
            self._patience.notice(f"The console at {self._url} answers again.")
        self._failures = 0

    async def wait(self, reason: str, least: float = 0.0, *, busy: bool = False) -> None:
        """Note a failure, and wait, for `least` seconds or more, until it is time to try again.
        `busy`: the console did answer, that it takes no more for now.

        Raises Unreachable if it has been tried for long enough.
        """
        now = self._patience.clock()
        if not self._failures:
            self._began, self._since = now, f"{datetime.now().astimezone():%H:%M:%S}"
        self._failures += 1
        pause = jittered(delay(self._failures, self._patience.first, self._patience.longest))
        pause = max(pause, least)
        if now + pause > self._began + self._seconds:
            raise self.given_up(reason)
        if self._failures == 1:
            does = "asks us to wait" if busy else "does not answer"
            self._patience.notice(f"The console at {self._url} {does} ({reason}). Trying again.")
        await self._patience.sleep(pause)

    def given_up(self, reason: str) -> Unreachable:
        """Return the error that says since when the console does not answer."""
        since = self._since or f"{datetime.now().astimezone():%H:%M:%S}"
        return Unreachable(url=self._url, since=since, reason=reason, known=self._known)
