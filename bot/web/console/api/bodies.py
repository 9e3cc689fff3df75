"""How much a request to the API may send, and how long it may take for that."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.console.api.problems import problem
from bot.web.console.errors import ConsoleError, TooLarge, TooSlow

MAX_BODY = 64 * 1024
"""Bytes of a body, at most."""
BODY_TIMEOUT = 10.0
"""Seconds in which the whole body must arrive."""
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")


class BodyLimits:
    """Reads the body of a request before `app` does. Plain ASGI: an open stream passes through it
    unchanged."""

    def __init__(self, app: ASGIApp, timeout: float = BODY_TIMEOUT) -> None:
        self._app = app
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer what is wrong with that."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout):
                read = await _whole(receive)
        except TimeoutError:
            read = TooSlow(seconds=round(self._timeout))
        if read is None:
            return  # the client has left
        if isinstance(read, ConsoleError):
            answer = problem(read)
            answer.headers["Connection"] = "close"  # what is left of the body is not read
            await answer(scope, receive, send)
            return
        body: list[Message] = [{"type": "http.request", "body": read, "more_body": False}]

        async def received() -> Message:
            return body.pop() if body else await receive()

        await self._app(scope, received, send)


async def _whole(receive: Receive) -> bytes | ConsoleError | None:
    """Return the body; an error if it is too large, None if the client left before its end."""
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        read += message.get("body", b"")
        if len(read) > MAX_BODY:
            return TooLarge(most=MAX_BODY)
        if not message.get("more_body", False):
            return bytes(read)
