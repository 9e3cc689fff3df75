"""The base of every kind of Channel: the state of its link, and the handlers that run."""

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
"""Seconds that a closing channel waits for the running handlers."""


WATCH_INTERVAL = 15.0
"""Seconds between two checks that all that a channel needs of its bus still exists."""


class Linked:
    """Has a link: its state, the reason, since when, and who listens to its changes."""

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
        """The state of the connection now."""
        return self._link

    @property
    def link_reason(self) -> str:
        """The reason why `link` is not up, for people; empty while it is up."""
        return self._reason

    @property
    def link_fix(self) -> str:
        """What to do while `link` is not up; empty if that is not known."""
        return self._fix

    @property
    def refusal(self) -> BusRefused | None:
        """The refusal that keeps the link down until somebody acts."""
        return self._refusal

    @property
    def lacking(self) -> Mapping[str, BusRefused]:
        """The optional queues that are refused, each with the refusal."""
        return MappingProxyType(self._lacking)

    @property
    def link_since(self) -> float:
        """When `link` changed last, in seconds of the monotonic clock."""
        return self._since

    async def wait_up(self) -> None:
        """Wait until the link is up."""
        await self._up.wait()

    async def refused(self, patience: float) -> BusRefused:
        """Wait for a refusal and return it: at once if the link was never up, otherwise once the
        refusal has lasted `patience` seconds."""
        while True:
            await self._refused.wait()
            stood = time.monotonic() - self._refused_since
            if self._refusal is not None and (not self._was_up or stood >= patience):
                return self._refusal
            await asyncio.sleep(min(1.0, max(patience - stood, 0.05)))

    def on_link(self, listener: Callable[[Link], None]) -> None:
        """Call `listener` with each change. What it raises is logged, and the others are called."""
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
                log.exception("link listener failed", link=link.value)

    def _refuse(self, refusal: BusRefused | None) -> None:
        if refusal is None:
            self._refused.clear()
        elif self._refusal is None:
            self._refused_since = time.monotonic()
            self._refused.set()
        self._refusal = refusal

    def _lack(self, queue: str, refusal: BusRefused | None) -> None:
        """Note and log that an optional queue is refused, or (None) no longer: each once."""
        if refusal is None:
            if self._lacking.pop(queue, None) is not None:
                log.info("queue available again", queue=queue)
        elif str(self._lacking.get(queue)) != str(refusal):
            log.error("working without an optional queue", queue=queue, reason=str(refusal))
            self._lacking[queue] = refusal


class HandlerTasks:
    """The running calls of handlers, each a task of its own that a lost link does not cancel."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, handler: Handler, delivery: Delivery) -> None:
        """Call `handler`. What it raises is logged, and the message is requeued."""
        task = asyncio.create_task(_handle(handler, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, grace: float = CLOSE_GRACE) -> None:
        """Wait up to `grace` seconds for them, then cancel the rest. A handler may call this."""
        others = self._tasks - {asyncio.current_task()}
        if not others:
            return
        _, late = await asyncio.wait(others, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            log.warning("message handlers cancelled", count=len(late), waited=grace)
            await asyncio.wait(late)


async def _handle(handler: Handler, delivery: Delivery) -> None:
    try:
        await handler(delivery)
    except Exception:
        log.exception("message handler failed, message requeued", id=delivery.envelope.id)
        await delivery.reject(requeue=True)
