"""A server on the web that answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.listening import listening


class Answering:
    """Answers every request with `status` and `body`, while it is not `silent`. `head` is said
    besides; `heard` are the heads of the requests that came."""

    def __init__(self, scheme: str) -> None:
        self.status = 200
        self.body = b"ok"
        self.head: tuple[str, ...] = ()
        self.port = 0
        self.asked = 0
        self.heard: list[str] = []
        self.silent = asyncio.Event()
        self.silent.set()
        self._scheme = scheme

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._scheme}://127.0.0.1:{self.port}/"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        if asked := await reader.readline():
            self.asked += 1
            while (line := await reader.readline()).strip():
                asked += line
            self.heard.append(asked.decode())
            await self.silent.wait()
            lines = (f"HTTP/1.1 {self.status} x", f"Content-Length: {len(self.body)}", *self.head)
            head = "\r\n".join((*lines, "Connection: close", "", ""))
            writer.write(head.encode() + self.body)


@asynccontextmanager
async def answering(context: ssl.SSLContext | None = None) -> AsyncIterator[Answering]:
    """One that listens, over TLS if `context` is there."""
    made = Answering("https" if context else "http")
    async with listening(made.answer, context) as made.port:
        yield made
