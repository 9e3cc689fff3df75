"""Python's garbage collector, as a program wants it that makes many objects and few circles."""

from __future__ import annotations

import gc

THRESHOLDS = (5_000, 20, 20)
"""By the defaults a bot spends a tenth of its time, and now and then 0.2 s at once, in looking for
circles among objects that stay."""


def tune_garbage_collector() -> None:
    """Have the collector leave alone what is there now, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
