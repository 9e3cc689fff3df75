"""The chat without a line editor, for pipes, files and terminals that cannot move the cursor.

Each line is a command. Its thread is printed as plain text, and the next line waits until the job
has ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TextIO

from typing_extensions import override

from bot.fronts.terminal.chat import TerminalChat
from bot.fronts.terminal.front import Screen
from bot.fronts.terminal.lines import Line, text_of

PROMPT = "> "


class PlainScreen(Screen):
    """Prints lines to `output`, without colours. `unread` is set when the reader has gone."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self.unread = asyncio.Event()

    @override
    def show(self, new: Sequence[Line]) -> None:
        """Print `new`."""
        self._write("".join(f"{text_of(line)}\n" for line in new))

    def prompt(self) -> None:
        """Print the prompt."""
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
    """Take commands from the file descriptor `source` until its end. Return the exit code.

    With `interactive` there is a prompt, and failures do not change the exit code. SIGINT cancels
    the running job, or exits if no job runs. The chat ends when nobody reads its output any more.
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
    """Decides what SIGINT does: that depends on whether a job runs."""

    def __init__(self, chat: TerminalChat, interactive: bool) -> None:
        self.interactive = interactive
        self.job = ""
        self.stopped = False
        self._now = asyncio.Event()
        self._chat = chat
        self._tasks: set[asyncio.Task[None]] = set()

    def one(self) -> None:
        """Handle one SIGINT. If input is a pipe, the second SIGINT exits at once, even if the
        job was not cancelled yet."""
        if not self.job or (self.stopped and not self.interactive):
            self._now.set()
            return
        self.stopped = not self.interactive
        task = asyncio.create_task(self._chat.cancel(self.job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self) -> int:
        """Wait until the chat must exit at once. Return the exit code."""
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
    """Return the result of the first of `works` that ends, and cancel the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _lines(source: int) -> AsyncIterator[str]:
    """Yield the lines that can be read from `source`, until its end."""
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
    """Return whether input and output are a terminal whose cursor can be moved."""
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    )
