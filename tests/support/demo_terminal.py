"""The demo at a terminal: what it writes becomes a screen, as somebody who sits there sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyte

from tests.support.forks import stand_in_for
from tests.support.wait import until


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours, with the folders of a demo that is to leave nothing behind in `folder`."""
    return {**os.environ, "TMPDIR": str(folder), "HOME": str(folder / "no-home"), **more}


@dataclass
class Terminal:
    """A terminal with the demo in it. `text` is what it wrote so far, without control sequences."""

    master: int
    process: Process
    screen: pyte.Screen
    raw: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        plain = re.sub(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|.)", b"", self.raw)
        return plain.decode("utf-8", "replace").replace("\r", "")

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def shown(self) -> str:
        """What somebody who sits before it sees now."""
        return "\n".join(row.rstrip() for row in self.screen.display)

    async def starts(self) -> None:
        """Return once there is a prompt below the welcome."""
        await until(lambda: "›" in self.shown.partition("Ctrl-D exits.")[2], 60)

    async def sees(self, text: str, after: int = 0, timeout: float = 60) -> None:
        await until(lambda: text in self.text[after:], timeout)


@asynccontextmanager
async def terminal(
    folder: Path, term: str, size: tuple[int, int] = (40, 100), **more: str
) -> AsyncIterator[Terminal]:
    """The demo at a terminal of that size, lines and columns, which answers as an xterm does when
    it is asked where its cursor is."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, size)
    screen = pyte.Screen(size[1], size[0])
    setattr(screen, "write_process_input", lambda data: os.write(master, data.encode()))  # noqa: B010
    stream = pyte.ByteStream(screen)
    process = await asyncio.create_subprocess_exec(
        *stand_in_for("demo"),
        env=environment(folder, TERM=term, **more),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    it = Terminal(master, process, screen)
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            written = os.read(master, 65_536)
            it.raw.extend(written)
            stream.feed(written)
        except OSError:
            loop.remove_reader(master)

    loop.add_reader(master, read)
    try:
        yield it
    finally:
        loop.remove_reader(master)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(master)
