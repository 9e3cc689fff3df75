"""Waiting for something to become true, woken by each change instead of by a clock."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Tells waiters that something changed; costs next to nothing when nobody waits."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake everybody who waits, to look again."""
        if self._waiters:
            waiters, self._waiters = self._waiters, set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def until(
        self,
        condition: Callable[[], T | Awaitable[T]],
        timeout: float,
        describe: Callable[[], str],
    ) -> T:
        """Return the condition's first truthy value, looking again at each change.

        Raises:
            AssertionError: not true within `timeout` seconds; the message holds `describe()`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            # Registered before the look: a change while an async condition runs is not missed.
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.add(waiter)
            try:
                found = condition()
                value = await found if inspect.isawaitable(found) else found
                if value:
                    return value
                await asyncio.wait([waiter], timeout=max(0.0, deadline - loop.time()))
            finally:
                self._waiters.discard(waiter)
            if not waiter.done():
                raise AssertionError(f"not true within {timeout:g} s; Slack shows:\n{describe()}")
