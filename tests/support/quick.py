"""A limit on what one input may cost.

It is counted in processor time, so that a busy machine does not matter. A machine that is shared
with others is slow at times by that count too; whoever is too slow because of its own work is so at
each attempt, and the quickest of several decides.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress

INPUT = 0.100
"""Seconds of processor time that reading one input may take, whatever is in it."""
ATTEMPTS = 8


def quickly(work: Callable[[], object], *declared: type[Exception], within: float = INPUT) -> None:
    """What `work` does takes less than `within` seconds of this thread, and raises nothing but the
    `declared` errors. It is done again only if it was slow, so it must be the same each time."""
    best = least_seconds_of(work, *declared, enough=within)
    assert best < within, f"it takes {best * 1000:.0f} ms of processor time"


def least_seconds_of(
    work: Callable[[], object], *declared: type[Exception], enough: float
) -> float:
    """Seconds of processor time of the quickest attempt; the first under `enough` is the last."""
    best = float("inf")
    for _ in range(ATTEMPTS):
        best = min(best, seconds_of(work, *declared))
        if best < enough:
            break
    return best


def grows_with_its_input(work: Callable[[int], object], few: int, many: int, most: float) -> float:
    """0 if `many` times of something take at most `most` times as long as `few`; else the seconds
    of processor time that `many` take.

    What grows by more does so at each attempt.
    """
    short = long = float("inf")
    for _ in range(ATTEMPTS):
        long = min(long, seconds_of(lambda: work(many)))
        short = min(short, seconds_of(lambda: work(few)))
        if long <= most * short:
            return 0.0
    return long


def seconds_of(work: Callable[[], object], *declared: type[Exception]) -> float:
    """Seconds of processor time of this thread that `work` takes; the `declared` errors end it."""
    # the garbage of the tests before is not what one input costs
    collects = gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        with suppress(*declared):
            work()
        return time.thread_time() - began
    finally:
        if collects:
            gc.enable()
