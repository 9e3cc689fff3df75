"""A limit on what one input may cost, counted in processor time so that a busy machine does not
matter."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

INPUT = 0.100
"""Seconds of processor time that reading one input may take, whatever is in it."""


@contextmanager
def quickly(*declared: type[Exception], within: float = INPUT) -> Iterator[None]:
    """What is done here takes less than `within` seconds of this thread, and raises nothing but
    the `declared` errors, which end here."""
    # the garbage of the tests before is not what one input costs
    collects = gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        with suppress(*declared):
            yield
        took = time.thread_time() - began
    finally:
        if collects:
            gc.enable()
    assert took < within, f"it took {took * 1000:.0f} ms of processor time"


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of processor time of the quickest of so many runs."""
    best = float("inf")
    for _ in range(times):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return best
