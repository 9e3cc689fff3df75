"""Keeping track of a link, and of the handlers at work: what every kind of Channel needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog

from baton.bus.channel import Delivery, Handler, Link
from baton.errors import BusRefused

log = structlog.get_logger(__name__)

CLOSE_GRACE = 5.0
"""How long a closing channel waits for the handlers at work, in seconds."""


WATCH_INTERVAL = 15.0
"""How often all that a channel needs of its bus is proven to be there, in seconds."""


class Linked:
    """What has a link: how it is, why, since when, and who wants to hear of a change."""

    def __init__(self) -> None:
        self._link = Link.DOWN
        self._reason = "not connected yet"
        self._fix = ""
        self._refusal: BusRefused | None = None
        self._refused_since = 0.0
        self._was_up = False
        self._lacking: dict[str, BusRefused] = {}
        self._since = time.monotonic()
        self._up = asyncio.Event()
        self._refused = asyncio.Event()
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
    def link_fix(self) -> str:
        """What mends it while `link` is not up, as far as that is known."""
        return self._fix

    @property
    def refusal(self) -> BusRefused | None:
        """Why the bus keeps the link down for good: time alone does not mend it."""
        return self._refusal

    @property
    def lacking(self) -> Mapping[str, BusRefused]:
        """The optional queues that we do without, each with why it is refused."""
        return MappingProxyType(self._lacking)

    @property
    def link_since(self) -> float:
        """Since when `link` has been so, on the monotonic clock, in seconds."""
        return self._since

    async def wait_up(self) -> None:
        """Return once the link is up."""
        await self._up.wait()

    async def refused(self, patience: float) -> BusRefused:
        """Return why, once the bus refuses us for good: at once if the link was never up, else
        when that has stood for `patience` seconds."""
        while True:
            await self._refused.wait()
            stood = time.monotonic() - self._refused_since
            if self._refusal is not None and (not self._was_up or stood >= patience):
                return self._refusal
            await asyncio.sleep(min(1.0, max(patience - stood, 0.05)))

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` at each change. What it raises is logged and disturbs nobody else."""
        self._listeners.append(listener)

    def _change(
        self, link: Link, reason: str = "", *, fix: str = "", refusal: BusRefused | None = None
    ) -> None:
        self._reason, self._fix = reason, fix
        self._refuse(refusal)
        self._was_up = self._was_up or link is Link.UP
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

    def _refuse(self, refusal: BusRefused | None) -> None:
        if refusal is None:
            self._refused.clear()
        elif self._refusal is None:
            self._refused_since = time.monotonic()
            self._refused.set()
        self._refusal = refusal

    def _lack(self, queue: str, refusal: BusRefused | None) -> None:
        """Say that we do without an optional queue, or (None) no longer: each once."""
        if refusal is None:
            if self._lacking.pop(queue, None) is not None:
                log.info("queue of use again", queue=queue)
        elif str(self._lacking.get(queue)) != str(refusal):
            log.error("going on without a queue", queue=queue, reason=str(refusal))
            self._lacking[queue] = refusal


class HandlerTasks:
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
