"""The chat without a line editor: for pipes, files and terminals that cannot move their cursor.

Each line is a command. Its thread is printed as plain text; the next line waits until it is over.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TextIO

from bot.fronts.terminal.chat import TerminalChat
from bot.fronts.terminal.lines import Line, text_of

PROMPT = "> "


class PlainScreen:
    """Prints lines to `output`, without colours. `unread` is set once nobody reads them."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self.unread = asyncio.Event()

    def show(self, new: Sequence[Line]) -> None:
        """Print `new`."""
        self._write("".join(f"{text_of(line)}\n" for line in new))

    def prompt(self) -> None:
        """Say that a command may be typed."""
        self._write(PROMPT)

    def _write(self, text: str) -> None:
        if self.unread.is_set():
            return
        encoding = self._output.encoding or "utf-8"
        try:
            self._output.write(text.encode(encoding, "replace").decode(encoding))
            self._output.flush()
        except OSError:  # `| head`, or a terminal that was closed
            self.unread.set()
            # What Python still holds back must not make it complain when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._output.fileno())


async def talk(chat: TerminalChat, screen: PlainScreen, source: int, *, interactive: bool) -> int:
    """Take commands from the file descriptor `source` until its end; the exit code.

    With `interactive` somebody is typing: there is a prompt, and failures do not count. SIGINT
    cancels the job that is under way, and leaves when there is none. If nobody reads any more what
    is printed, there is nobody to go on for.
    """
    screen.show(chat.welcome)
    interrupts = _Interrupts(chat, interactive)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupts.one)
    try:
        return await _first(
            _taking(chat, screen, source, interrupts), _code(screen.unread, 1), interrupts.leave()
        )
    finally:
        loop.remove_signal_handler(signal.SIGINT)


class _Interrupts:
    """What SIGINT means, which depends on what is under way."""

    def __init__(self, chat: TerminalChat, interactive: bool) -> None:
        self.interactive = interactive
        self.job = ""
        self.stopped = False
        self._now = asyncio.Event()
        self._chat = chat
        self._tasks: set[asyncio.Task[None]] = set()

    def one(self) -> None:
        """SIGINT came. Of a pipe the second one leaves at once, cancelled or not."""
        if not self.job or (self.stopped and not self.interactive):
            self._now.set()
            return
        self.stopped = not self.interactive
        task = asyncio.create_task(self._chat.cancel(self.job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self) -> int:
        """Wait until we are to leave at once; the exit code."""
        return await _code(self._now, 128 + signal.SIGINT)


async def _taking(
    chat: TerminalChat, screen: PlainScreen, source: int, interrupts: _Interrupts
) -> int:
    failed = False
    if interrupts.interactive:
        screen.prompt()
    async for text in _lines(source):
        taken = await chat.run_line(text)
        if taken.leave:
            break
        ok = taken.ok
        if taken.job:
            interrupts.job = taken.job
            ok = await chat.succeeded(taken.job)
            interrupts.job = ""
        failed = failed or not ok
        if interrupts.stopped:
            return 128 + signal.SIGINT
        if interrupts.interactive:
            screen.prompt()
    return 1 if failed and not interrupts.interactive else 0


async def _code(event: asyncio.Event, code: int) -> int:
    await event.wait()
    return code


async def _first(*works: Coroutine[Any, Any, int]) -> int:
    """What the first of `works` to end returns; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _lines(source: int) -> AsyncIterator[str]:
    """The lines that can be read from `source`, until its end."""
    held = b""
    while part := await _read(source):
        *whole, held = (held + part).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
    if held:
        yield held.decode("utf-8", "replace")


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
