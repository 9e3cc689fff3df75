"""A relay in front of a server: it can go silent, as a cut cable does, it can cut connections in
the middle of what the server says, and it can speak TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS for a server on 127.0.0.1, and the file with the certificate that clients need."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    name = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    command = [*make.split(), *name.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate


class Relay:
    """Listens on 127.0.0.1:`port` and passes all on to 127.0.0.1:`to`, which may change. While
    `after` is there, each connection is cut after so many more bytes of what the server says;
    `cuts` counts them."""

    def __init__(self, to: int, tls: ssl.SSLContext | None = None) -> None:
        self.to = to
        self.after: Callable[[], int] | None = None
        self.cuts = 0
        self._tls = tls
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def silence(self, on: bool, *, answers_only: bool = False) -> None:
        """Pass nothing on, or nothing of what the server says, and close nothing; or go on."""
        for way in (self._answering,) if answers_only else (self._answering, self._flowing):
            if on:
                way.clear()
            else:
                way.set()

    async def close(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        ends = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
            ends.append(far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer, self._flowing),
                self._pump(far_reader, writer, self._answering, answers=True),
            )
        except ConnectionRefusedError:
            pass  # nobody is there: whoever asked sees a connection that closes
        finally:
            for end in ends:
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        flowing: asyncio.Event,
        *,
        answers: bool = False,
    ) -> None:
        left: int | None = None
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await flowing.wait()
                if answers and self.after is not None:
                    left = (self.after() if left is None else left) - len(data)
                    if left <= 0:
                        self.cuts += 1
                        writer.write(data[:left])
                        break
                writer.write(data)
                await writer.drain()
            writer.close()
