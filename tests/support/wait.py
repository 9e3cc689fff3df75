"""Waiting on conditions, so that no test sleeps for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def until(
    condition: Callable[[], Awaitable[T]], timeout: float = 60, *, every: float = 0.01
) -> T: ...
@overload
async def until(condition: Callable[[], T], timeout: float = 60, *, every: float = 0.01) -> T: ...
async def until(
    condition: Callable[[], object], timeout: float = 60, *, every: float = 0.01
) -> object:
    """The first truthy result of `condition`, a plain or an async function.

    It is asked every `every` seconds, for `timeout` seconds. Raises AssertionError, naming the
    condition and its last result, if it never became true. What `condition` raises is not caught.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        value = await result if inspect.isawaitable(result) else result
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not true within {timeout} s: {_source(condition)} (last: {value!r})"
            )
        await asyncio.sleep(every)


def _source(condition: Callable[[], object]) -> str:
    """Where `condition` is written, and its text if that is to be had."""
    code = inspect.unwrap(condition)
    try:
        lines, number = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return repr(condition)
    return f"{inspect.getsourcefile(code)}:{number}: {lines[0].strip()}"
