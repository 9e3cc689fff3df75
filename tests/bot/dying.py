"""A bot that dies as by kill -9, at any step that a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from baton.bus.channel import Delivery, Handler, Subscription
from baton.bus.exchanges import DISCOVER, Queue
from baton.bus.memory.channel import MemoryChannel
from bot.app.bot import Bot
from tests.bot.fake_front import Crash


class Doom:
    """Ends the process at its `at`-th step. Afterwards nothing that it does takes effect."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps: list[str] = []
        self.came = asyncio.Event()

    @property
    def dead(self) -> bool:
        return self.came.is_set()

    def step(self, name: str) -> None:
        self.check()
        self.steps.append(name)
        if len(self.steps) == self.at:
            self.came.set()
            raise Crash

    def check(self) -> None:
        if self.dead:
            raise Crash


class Doomed:
    """Something that the bot uses. Before and after each of the calls `steps` it may die."""

    def __init__(self, inner: Any, doom: Doom, *steps: str) -> None:
        self._inner = inner
        self._doom = doom
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **named: Any) -> Any:
            counts = name in self._steps
            self._doom.step(f"before {name}") if counts else self._doom.check()
            result = await found(*args, **named)
            self._doom.step(f"after {name}") if counts else self._doom.check()
            return result

        return call


class DoomedChannel(Doomed):
    """A channel whose owner may die around each request that is sent and each acknowledgement."""

    def __init__(self, inner: MemoryChannel, doom: Doom) -> None:
        super().__init__(inner, doom)

    async def publish(self, exchange: str, key: str, *args: Any, **named: Any) -> None:
        counts = key != DISCOVER
        self._doom.step(f"before sending {key}") if counts else self._doom.check()
        await self._inner.publish(exchange, key, *args, **named)
        self._doom.step(f"after sending {key}") if counts else self._doom.check()

    async def consume(self, queue: Queue, handler: Handler, **named: Any) -> Subscription:
        async def handle(delivery: Delivery) -> None:
            steps = ("ack",) if queue.name == "bot" else ()
            doomed: Any = Doomed(delivery, self._doom, *steps)
            await handler(doomed)

        found: Subscription = await self._inner.consume(queue, handle, **named)
        return found


class Lives:
    """Knows which tasks belong to which life of a bot: those that were begun inside of it."""

    def __init__(self) -> None:
        self._now: ContextVar[object | None] = ContextVar("life", default=None)
        self._tasks: dict[object, WeakSet[asyncio.Task[Any]]] = {}
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._begun)
        loop.set_exception_handler(_unless_crash)

    @contextmanager
    def of(self, life: object) -> Iterator[None]:
        """What is begun in here belongs to `life`."""
        token = self._now.set(life)
        try:
            yield
        finally:
            self._now.reset(token)

    async def end(self, life: object) -> None:
        """End all tasks of `life` where they stand."""
        doomed = {task for task in self._tasks.pop(life, ()) if not task.done()}
        for task in doomed:
            task.cancel()
        if doomed:
            await asyncio.wait(doomed, timeout=5)

    def _begun(self, loop: asyncio.AbstractEventLoop, coro: Any, **named: Any) -> Any:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **named)
        context = named.get("context")
        life = context.get(self._now) if context is not None else self._now.get()
        if life is not None:
            self._tasks.setdefault(life, WeakSet()).add(task)
        return task


def _unless_crash(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks that died by a Crash are not worth a word."""
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


def kill(bot: Bot) -> None:
    """End the timers of `bot`: a dead process has none. Its tasks are its life's."""
    scheduler = bot.periodic._scheduler
    if scheduler.running:
        scheduler.shutdown(wait=False)
