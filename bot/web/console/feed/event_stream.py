"""The answer to one client that watches a job: server-sent events until one side ends it.

It is plain ASGI, with one task beside that of the request, because there may be hundreds: the
response classes of Starlette start two, and FastAPI's own events are rendered for each client.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from fastapi import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.news import Position
from bot.web.console.api.problems import problem
from bot.web.console.errors import ConsoleError
from bot.web.console.feed.feeds import Feeds, Watching
from bot.web.console.feed.frame import Rendering
from bot.web.server import STREAM

RETRY_SECONDS = (1.0, 2.0)
"""Seconds after which a client that lost its connection comes back: not all of them at once."""
AWAY_SECONDS = 1.0
"""Seconds between two attempts while the database is away."""

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    # nginx would collect events until its buffer is full
    "X-Accel-Buffering": "no",
}
Check = Callable[[], Awaitable[bool]]


class EventStream(Response):
    """The stream of `job` in `feeds` after a position, for `person`. `may_read` says from time to
    time whether they may still read it."""

    def __init__(
        self,
        feeds: Feeds,
        job: str,
        after: Position,
        rendering: Rendering,
        person: str,
        may_read: Check,
    ) -> None:
        super().__init__(headers=_HEADERS)
        # the length is not known
        self.raw_headers = [one for one in self.raw_headers if one[0] != b"content-length"]
        self._feeds = feeds
        self._open = (job, after, rendering, person)
        self._may_read = may_read

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves, the bot stops or there is nothing more to come."""
        try:
            # here, and not when the request is handled: so what is taken is always given back
            async with self._feeds.watching(*self._open) as watching:
                scope.setdefault("state", {})[STREAM] = True
                leaving = asyncio.create_task(_left(receive, watching), name="stream")
                try:
                    await self._sent(watching, leaving, send)
                finally:
                    leaving.cancel()
                    await asyncio.wait([leaving])
        except ConsoleError as error:
            await problem(error)(scope, receive, send)

    async def _sent(self, watching: Watching, leaving: asyncio.Task[None], send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        retry = round(1000 * random.uniform(*RETRY_SECONDS))
        await _write(send, f"retry: {retry}\n\n".encode())
        reader = watching.reader
        while not (leaving.done() or self._feeds.stopping.is_set()):
            watching.wake.clear()
            if watching.check_due:
                watching.check_due = False
                if not await self._may_read():
                    break
            try:
                data = await reader.next()
            except DatabaseUnavailable:
                await _write(send, b": the database is away\n\n")
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if not data and watching.ping_due:
                data = b": ping\n\n"
            watching.ping_due = False
            if data:
                await _write(send, data)
            elif reader.over:
                break
            else:
                await watching.wake.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _left(receive: Receive, watching: Watching) -> None:
    """Return once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watching.wake.set()
