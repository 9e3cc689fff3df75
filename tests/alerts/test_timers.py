"""When to look at what."""

from __future__ import annotations

import math

from alerts.timers import Timers


def test_timers_keep_the_earliest() -> None:
    timers = Timers()
    timers.set("a", 5)
    timers.set("a", 9)
    timers.set("b", 7)
    timers.set("b", 3)
    timers.set("c", 1)
    timers.drop("c")
    assert timers.next() == 3
    assert list(timers.due(6)) == ["b", "a"]
    assert timers.next() == math.inf
