"""Detects servers whose heartbeats are missing for too long.

Source: N. Hayashibara, X. Défago, R. Yared, T. Katayama, "The phi accrual failure detector", SRDS
2004: phi(t) = -log10(1 - F(t)), F being a normal distribution with the mean and deviation of the
past intervals. As in Akka, an acceptable pause is added to the mean, the deviation has a minimum,
and an interval that ended a suspected outage is not learned.

Phi grows with t. So it is not computed again and again: for each heartbeat we compute once after
how many seconds phi will reach the threshold.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from functools import lru_cache
from statistics import NormalDist

MAX_GAPS = 100
"""The number of intervals that are remembered."""
MIN_GAPS = 10
"""With fewer known intervals than this, a fixed number of missed heartbeats decides."""
MAX_MISSED = 3.0
"""That number: the same as in the bot's list of servers."""


def phi(elapsed: float, mean: float, deviation: float) -> float:
    """Return how sure it is that no more heartbeat comes, `elapsed` seconds after the last one: 1
    is wrong once in 10 times, 8 once in 10^8."""
    spread = (elapsed - mean) / (deviation * math.sqrt(2))
    tail = math.erfc(spread) / 2
    if tail > 0:
        return -math.log10(tail)
    # erfc underflows beyond 26: its asymptote, exp(-x^2) / (x sqrt(pi)), goes on
    return (spread * spread + math.log(2 * spread * math.sqrt(math.pi))) / math.log(10)


@lru_cache(maxsize=16)
def deviations(threshold: float) -> float:
    """Return how many standard deviations past the mean phi reaches `threshold`."""
    return -NormalDist().inv_cdf(10.0**-threshold)


class Rhythm:
    """The last intervals between the heartbeats of one server, in seconds, in half a kilobyte."""

    __slots__ = ("_gaps", "_place", "_squares", "_total", "interval")

    def __init__(self, interval: float, gaps: Iterable[float] = ()) -> None:
        self.interval = interval
        self._gaps = array("f", gaps)
        self._place = 0
        self._total = math.fsum(self._gaps)
        self._squares = math.fsum(gap * gap for gap in self._gaps)

    @property
    def gaps(self) -> tuple[float, ...]:
        """The intervals, oldest first."""
        return (*self._gaps[self._place :], *self._gaps[: self._place])

    def learn(self, gap: float) -> None:
        """Learn one more interval. A much shorter one is ignored: the server was asked for a
        heartbeat."""
        if gap < self.interval / 2:
            return
        if len(self._gaps) < MAX_GAPS:
            self._gaps.append(gap)
            gap = self._gaps[-1]
        else:
            old = self._gaps[self._place]
            self._gaps[self._place] = gap
            gap = self._gaps[self._place]
            self._place = (self._place + 1) % MAX_GAPS
            self._total -= old
            self._squares -= old * old
        self._total += gap
        self._squares += gap * gap

    def normal(self, least_deviation: float, pause: float) -> tuple[float, float] | None:
        """Return mean and deviation, in seconds; None while too few intervals are known. Both
        arguments are fractions of the interval that the server promised."""
        count = len(self._gaps)
        if count < MIN_GAPS:
            return None
        mean = self._total / count
        variance = max(self._squares / count - mean * mean, 0.0)
        deviation = max(math.sqrt(variance), least_deviation * self.interval)
        return mean + pause * self.interval, deviation

    def allowance(self, threshold: float, least_deviation: float, pause: float) -> float:
        """Return after how many seconds without a heartbeat phi reaches `threshold`."""
        known = self.normal(least_deviation, pause)
        if known is None:
            return MAX_MISSED * self.interval
        mean, deviation = known
        return mean + deviations(threshold) * deviation
