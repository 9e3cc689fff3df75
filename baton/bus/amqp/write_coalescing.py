"""CoalescingTransport sends the frames of one turn of the event loop in one system call."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL


class _CoalescingWriter:
    """A StreamWriter that writes at the end of the turn, or before any other call."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._parts: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        self._flush()
        return getattr(self._writer, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._writer.write(b"".join(parts))


class CoalescingTransport(TransportFactory):
    """Connects as the client does, over TCP or TLS, and coalesces the writes."""

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to `url`."""
        kind = TLSTransportFactory if url.scheme == "amqps" else TCPTransportFactory
        reader, writer = await kind().create(url, **options)
        return reader, cast("asyncio.StreamWriter", _CoalescingWriter(writer))
