"""What a callable prints in the worker itself is the output of its job.

`sys.stdout` and `sys.stderr` are one for the whole process. While such callables run, both are
replaced by one that looks whose code is printing: asyncio's tasks, and threads that are started
with a copy of the context, know it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from typing_extensions import override

from baton.process.output_lines import OutputLines, Secrets

_job: ContextVar[_Printed | None] = ContextVar("printed", default=None)
_kept: list[tuple[TextIO, TextIO]] = []
"""The streams that were there before, once for each job that runs."""


class _Printed:
    """Lines of one job, as they become whole."""

    def __init__(self, tell: Callable[[str], None], secrets: Secrets) -> None:
        self._lines = OutputLines(secrets)
        self._tell = tell

    def write(self, text: str) -> None:
        self._pass_on(self._lines.feed(text.encode("utf-8", "replace")))

    def finish(self) -> None:
        self._pass_on(self._lines.finish())

    def _pass_on(self, lines: list[str]) -> None:
        if lines:
            self._tell("\n".join(lines))


class _Stream(io.TextIOBase):
    """Stands for a stream of the process. What no job prints goes to that."""

    encoding = "utf-8"

    def __init__(self, beneath: TextIO) -> None:
        self._beneath = beneath

    @override
    def write(self, text: str) -> int:
        job = _job.get()
        if job is None:
            return self._beneath.write(text)
        job.write(text)
        return len(text)

    @override
    def flush(self) -> None:
        if _job.get() is None:
            self._beneath.flush()

    @override
    def fileno(self) -> int:
        return self._beneath.fileno()

    @override
    def writable(self) -> bool:
        return True


@contextmanager
def printing(tell: Callable[[str], None], secrets: Secrets) -> Iterator[None]:
    """Pass on to `tell` what is printed within, in this task and in what it starts."""
    if not _kept:
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(before[0]), _Stream(before[1])
    else:
        before = _kept[0]
    _kept.append(before)
    printed = _Printed(tell, secrets)
    token = _job.set(printed)
    try:
        yield
    finally:
        _job.reset(token)
        printed.finish()
        _kept.pop()
        if not _kept:
            sys.stdout, sys.stderr = before
