"""Keeping track of a link, and of the handlers at work: what every kind of Channel needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from baton.channel import Delivery, Handler, Link

log = structlog.get_logger(__name__)

CLOSE_GRACE = 5.0
"""How long a closing channel waits for the handlers at work, in seconds."""


class Linked:
    """What has a link: how it is, why, since when, and who wants to hear of a change."""

    def __init__(self) -> None:
        self._link = Link.DOWN
        self._reason = "not connected yet"
        self._since = time.monotonic()
        self._up = asyncio.Event()
        self._listeners: list[Callable[[Link], None]] = []

    @property
    def link(self) -> Link:
        """How the connection is at this moment."""
        return self._link

    @property
    def link_reason(self) -> str:
        """Why `link` is not up, for people to read; empty while it is."""
        return self._reason

    @property
    def link_since(self) -> float:
        """Since when `link` has been so, on the monotonic clock, in seconds."""
        return self._since

    async def wait_up(self) -> None:
        """Return once the link is up."""
        await self._up.wait()

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` at each change. What it raises is logged and disturbs nobody else."""
        self._listeners.append(listener)

    def _change(self, link: Link, reason: str = "") -> None:
        self._reason = reason
        if link is self._link:
            return
        self._link, self._since = link, time.monotonic()
        if link is Link.UP:
            self._up.set()
        else:
            self._up.clear()
        for listener in list(self._listeners):
            try:
                listener(link)
            except Exception:
                log.exception("a listener of the link failed", link=link.value)


class Handlers:
    """The calls of handlers under way, each a task of its own that a lost link leaves alone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, handler: Handler, delivery: Delivery) -> None:
        """Call `handler`. If it raises, that is logged and the message put back."""
        task = asyncio.create_task(_handle(handler, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, grace: float = CLOSE_GRACE) -> None:
        """Wait up to `grace` s for them, then cancel what is left. A handler may call this."""
        others = self._tasks - {asyncio.current_task()}
        if not others:
            return
        _, late = await asyncio.wait(others, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            log.warning("handlers were cancelled", count=len(late), waited=grace)
            await asyncio.wait(late)


async def _handle(handler: Handler, delivery: Delivery) -> None:
    try:
        await handler(delivery)
    except Exception:
        log.exception("a handler failed, the message is put back", id=delivery.envelope.id)
        await delivery.reject(requeue=True)
