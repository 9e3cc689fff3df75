"""Records the demo at a terminal: `python -m tests.support.recording FILE`.

It starts `baton demo` on a terminal, types as a person does, and draws what is on the screen.
`make recording` writes it into docs/recording.svg, which opens the README.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import pyte

from tests.support.animated_svg import Frame, Row, Span, drawn, without_waits
from tests.support.demo_terminal import Terminal, terminal

SIZE = (30, 96)
TITLE = "A deploy in the demo's terminal, with a bar for each server; then a server fails"
EVERY = 0.1
"""Seconds between two looks at the screen."""
LONGEST_WAIT, REST = 1.2, 5.0
"""Seconds for which nothing may happen, and for which the end is shown."""


def spans_of(row: pyte.screens.StaticDefaultDict[int, pyte.screens.Char]) -> Row:
    """Return a row of a screen, without the blanks at its end."""
    shown = [(at, row[at]) for at in range(SIZE[1])]
    while shown and shown[-1][1].data == " ":
        shown.pop()
    found = []
    for look, some in groupby(shown, lambda one: _look(one[1])):
        part = list(some)
        found.append(Span(part[0][0], "".join(char.data for _, char in part), look))
    return tuple(span for span in found if span.text.strip())


def _look(char: pyte.screens.Char) -> str:
    colour = "" if char.fg == "default" else char.fg
    return " ".join(filter(None, (colour, "bold" if char.bold else "")))


async def _watched(it: Terminal, frames: list[Frame]) -> None:
    while True:
        screen = it.screen
        rows = tuple(spans_of(screen.buffer[at]) for at in range(SIZE[0]))
        cursor = None if screen.cursor.hidden else (screen.cursor.x, screen.cursor.y)
        if not frames or (frames[-1].rows, frames[-1].cursor) != (rows, cursor):
            frames.append(Frame(time.monotonic(), rows, cursor))
        await asyncio.sleep(EVERY)


async def _visit(it: Terminal) -> None:
    """Do what somebody does who sees the demo for the first time."""
    for keys, seen in (
        ("/dep\tsh\tpr\t\r", "on 3 of 3, after"),
        ("/demo break web-2\r", "no heartbeat for"),
        ("/demo repair web-2\r", "resolved"),
    ):
        await asyncio.sleep(LONGEST_WAIT)
        after = len(it.text)
        for key in keys:
            it.type(key)
            await asyncio.sleep(random.uniform(0.05, 0.15))
        await it.sees(seen, after)
    await asyncio.sleep(1)


async def record(folder: Path) -> str:
    """Return the recording; the demo keeps its files in `folder` meanwhile."""
    frames: list[Frame] = []
    async with terminal(folder, "xterm-256color", SIZE, LOGNAME="ann") as it:
        await it.starts()
        watching = asyncio.create_task(_watched(it, frames))
        await _visit(it)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        it.type("\x04")
        await it.process.wait()
    return drawn(without_waits(frames, LONGEST_WAIT), SIZE, TITLE, REST)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(sys.argv[1]).write_text(asyncio.run(record(Path(folder))))
