"""Where a test hangs: the thread's stack, which pytest-timeout shows, is only the event loop's."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Generator
from types import FrameType

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Print each asyncio task's stack before pytest-timeout, which owns SIGALRM, fails the test."""
    fail = signal.getsignal(signal.SIGALRM)
    if not callable(fail):
        return (yield)

    def show_and_fail(number: int, frame: FrameType | None) -> None:
        print_tasks()
        fail(number, frame)

    signal.signal(signal.SIGALRM, show_and_fail)
    return (yield)


def print_tasks() -> None:
    """Print the stack of each task of the loop that runs in this thread, if one does."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    for task in asyncio.all_tasks(loop):
        task.print_stack(file=sys.stderr)
