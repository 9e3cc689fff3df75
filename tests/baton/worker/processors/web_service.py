"""A service that does jobs over HTTP: on a real socket, it answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Answer = str | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Service:
    """Answers each request with the next of `answers`; the last one stays."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jobs"

    @property
    def lines(self) -> list[str]:
        """What was asked."""
        return [line for line, _, _ in self.asked]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode().strip():
                headers = {}
                while text := (await reader.readline()).decode().strip():
                    name, _, value = text.partition(": ")
                    headers[name.lower()] = value
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append((line.removesuffix(" HTTP/1.1"), headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    both = {
                        asyncio.ensure_future(answer(writer)),
                        asyncio.create_task(reader.read()),
                    }
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    for each in both:  # answered, or whoever asks has gone
                        each.cancel()
                    await asyncio.wait(both)
                    break
                writer.write(answer.encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass


def reply(status: str, body: object = "", kind: str = "application/json", **head: str) -> str:
    """An answer, as it goes over the wire."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(text.encode())}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in head.items()]
    return "\r\n".join((*lines, "", text))


def streams(kind: str, *pieces: str, cut: bool = False) -> Answer:
    """An answer in chunks; with `cut` it breaks off."""

    async def write(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for piece in pieces:
            data = piece.encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
        if not cut:
            writer.write(b"0\r\n\r\n")

    return write


SHORT = "Content-Length: 99\r\nContent-Type: application/json\r\n\r\n{"


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickling(writer: asyncio.StreamWriter) -> None:
    """A body of which a byte comes now and then, and never the last one."""
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


def cut(status: str) -> Answer:
    """An answer whose body breaks off."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{SHORT}".encode())

    return write
