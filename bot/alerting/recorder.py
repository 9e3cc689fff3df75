"""Records what the engine was told, one line of JSON each, one file a day. Nothing waits for it.

`/alerts replay` and `baton alerts replay` decide it again by
other settings.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog

from alerts.replay import Recorded, dump_lines
from alerts.settings import RecordingTable
from baton.bus.messages import now
from baton.errors import UsageError
from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

WRITE_INTERVAL = 1.0
"""Seconds between two writes: kill -9 loses what came since the last one."""
CLOSE_TIMEOUT = 5.0
"""Seconds to write what is left when the bot stops."""
MAX_WAITING = 100_000
"""Lines that wait for a slow disk, at most; the oldest are dropped."""
SUFFIX = ".jsonl"


class Recorder:
    """Writes into the folder of `table`, which is None while nothing is to be recorded."""

    def __init__(
        self, table: Callable[[], RecordingTable | None], clock: Callable[[], datetime] = now
    ) -> None:
        self._table = table
        self._clock = clock
        self._waiting: deque[Recorded] = deque(maxlen=MAX_WAITING)
        self._lost = 0
        self._failing = False
        self._writing: asyncio.Task[None] | None = None
        self._day: tuple[Path, date] | None = None

    def add(self, seen: Recorded) -> None:
        """Record this, unless nothing is to be recorded."""
        if self._table() is not None:
            self._lost += len(self._waiting) == MAX_WAITING
            self._waiting.append(seen)

    async def close(self) -> None:
        """Write what is left, unless the disk takes too long."""
        if not await wait_at_most(CLOSE_TIMEOUT, self.write()):
            log.warning("the last observations were not recorded: the disk is too slow")

    async def write(self) -> None:
        """Write what has come since the last time."""
        while True:
            if self._writing is not None:
                await asyncio.shield(self._writing)
                self._writing = None
            some, table = list(self._waiting), self._table()
            self._waiting.clear()
            if not some or table is None:
                return
            # in a thread: a disk may hang
            self._writing = asyncio.create_task(asyncio.to_thread(self._write, table, some))

    def _write(self, table: RecordingTable, some: Sequence[Recorded]) -> None:
        today = self._clock().date()
        try:
            append(table.folder / f"{today}{SUFFIX}", some)
            if self._day != (table.folder, today):
                self._day = table.folder, today
                remove_before(table.folder, today - timedelta(seconds=table.keep))
        except (OSError, ValueError, TypeError) as error:
            self._lost += len(some)
            if not self._failing:
                self._failing = True
                reason = (isinstance(error, OSError) and error.strerror) or str(error)
                log.warning("alerts are not recorded", folder=str(table.folder), reason=reason)
            return
        if self._failing or self._lost:
            log.warning("some observations were not recorded", lost=self._lost)
            self._failing, self._lost = False, 0


def append(file: Path, some: Sequence[Recorded]) -> None:
    """Append these to `file`; a line that a killed writer left unfinished is ended first. Raises
    OSError."""
    file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    with os.fdopen(handle, "r+b", buffering=0) as out:
        size = out.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        lines = "".join(f"{line}\n" for line in dump_lines(some))
        left = memoryview(("\n" if torn else "").encode() + lines.encode())
        while left:
            left = left[out.write(left) :]


def remove_before(folder: Path, before: date) -> None:
    """Remove the recordings of the days before `before`. Raises OSError."""
    for name, day in _days(folder):
        if day < before:
            (folder / name).unlink(missing_ok=True)


def list_recordings(folder: Path) -> list[str]:
    """Return the names of the recordings in `folder`, the oldest first."""
    return sorted(name for name, _ in _days(folder))


def find_recording(folder: Path, name: str = "") -> Path:
    """Return the recording called `name`, the newest without a name. Raises UsageError that lists
    those that exist: nothing else in the file system can be named."""
    there = list_recordings(folder)
    if not there:
        raise UsageError(f"Nothing is recorded in {folder} on this machine yet.")
    wanted = name.removesuffix(SUFFIX) + SUFFIX if name else there[-1]
    if wanted not in there:
        shown = ", ".join(one.removesuffix(SUFFIX) for one in there)
        raise UsageError(f"Unknown recording “{name}”. Recordings: {shown}.", field="FILE")
    return folder / wanted


def _days(folder: Path) -> list[tuple[str, date]]:
    found = []
    for name in os.listdir(folder) if folder.is_dir() else ():
        day, suffix = os.path.splitext(name)
        try:
            # the exact format only: other files may have dates as names
            if suffix == SUFFIX and date.fromisoformat(day).isoformat() == day:
                found.append((name, date.fromisoformat(day)))
        except ValueError:
            continue
    return found
