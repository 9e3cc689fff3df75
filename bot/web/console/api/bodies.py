"""How much a request may send, and how long it may take for that."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
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
            read = await read_body(receive, self._timeout)
        except ConsoleError as error:
            await problem(error)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        body: list[Message] = [{"type": "http.request", "body": read, "more_body": False}]

        async def received() -> Message:
            return body.pop() if body else await receive()

        await self._app(scope, received, send)


async def read_body(receive: Receive, timeout: float = BODY_TIMEOUT) -> bytes:
    """Return the body of a request. Raises TooLarge, TooSlow, and ClientDisconnect if the client
    left before its end."""
    read = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnect
                read += message.get("body", b"")
                if len(read) > MAX_BODY:
                    raise TooLarge(most=MAX_BODY)
                if not message.get("more_body", False):
                    return bytes(read)
    except TimeoutError:
        raise TooSlow(seconds=round(timeout)) from None
