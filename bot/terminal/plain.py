"""The chat without a line editor: for pipes, files and terminals that cannot move their cursor.

Each line is a command. Its thread is printed as plain text; the next line waits until it is over.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from typing import TextIO

from bot.terminal.chat import Chat
from bot.terminal.lines import Line, text_of

PROMPT = "> "


class PlainScreen:
    """Prints lines to `output`, without colours."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def show(self, new: Sequence[Line]) -> None:
        """Print `new`. Raises BrokenPipeError if nobody reads any more."""
        for line in new:
            text = text_of(line)
            encoding = self._output.encoding or "utf-8"
            print(text.encode(encoding, "replace").decode(encoding), file=self._output)
        self._output.flush()

    def prompt(self) -> None:
        """Say that a command may be typed."""
        self._output.write(PROMPT)
        self._output.flush()


async def talk(chat: Chat, screen: PlainScreen, source: int, *, interactive: bool) -> int:
    """Take commands from the file descriptor `source` until its end; the exit code.

    With `interactive` somebody is typing: there is a prompt, and failures do not count. SIGINT
    cancels the job that is under way, and leaves when there is none.
    """
    screen.show(chat.welcome)
    stopped = asyncio.Event()
    under_way: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    def interrupted() -> None:
        if not under_way or not interactive:
            stopped.set()
        if under_way:
            task = asyncio.create_task(chat.cancel(under_way[-1]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted)
    failed = False
    try:
        if interactive:
            screen.prompt()
        async for text in _lines(source, stopped):
            taken = await chat.take(text)
            if taken.leave:
                break
            ok = taken.ok
            if taken.job:
                under_way.append(taken.job)
                ok = await chat.succeeded(taken.job)
                under_way.clear()
            failed = failed or not ok
            if stopped.is_set():
                return 130
            if interactive:
                screen.prompt()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    if stopped.is_set():
        return 130
    return 1 if failed and not interactive else 0


async def _lines(source: int, stopped: asyncio.Event) -> AsyncIterator[str]:
    """The lines that can be read from `source`, until its end or until `stopped`."""
    stopping = asyncio.ensure_future(stopped.wait())
    held = b""
    try:
        while True:
            reading = asyncio.ensure_future(_read(source))
            await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                reading.cancel()
                return
            part = reading.result()
            held += part
            *whole, held = held.split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")
            if not part:
                if held:
                    yield held.decode("utf-8", "replace")
                return
    finally:
        stopping.cancel()


async def _read(source: int) -> bytes:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    try:
        loop.add_reader(source, lambda: None if ready.done() else ready.set_result(None))
    except PermissionError:
        return os.read(source, 65_536)  # a file cannot be waited for, nor need it be
    try:
        await ready
    finally:
        loop.remove_reader(source)
    return os.read(source, 65_536)


def can_edit() -> bool:
    """Whether somebody sits there, at a terminal whose cursor can be moved."""
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    )
