"""The garbage collector of a program that makes many objects and few cycles."""

from __future__ import annotations

import gc


def tune_garbage_collector(young: int, *older: int) -> None:
    """Keep the collector from what is there now, and let it run less often: when there are `young`
    new objects, and for `older` ones after so many times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, *older)
