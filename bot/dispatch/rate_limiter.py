"""Limits how often one person may send requests, so that one script keeps nobody else waiting.
Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from pydantic import Field

from baton.settings import Table
from bot.dispatch.context import Invocation
from bot.ratelimit import TokenBucket

MAX_PEOPLE = 10_000
"""People who are remembered: who asked longest ago is forgotten first."""
BURST_OVER_AFTER = 60.0
"""Seconds without a request after which those that were refused are summed up."""


class LimitsTable(Table):
    """`[limits]`: how many requests one person may make: `requests_per_minute` on average, and
    `burst` at once. Pressed buttons count."""

    requests_per_minute: int = Field(default=30, ge=1, le=1_000_000)
    burst: int = Field(default=10, ge=1, le=1_000_000)


@dataclass(slots=True)
class _Person:
    bucket: TokenBucket
    first: Invocation | None = None
    refused: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class TooMany:
    """A request that comes too soon, by so many seconds. `first`: those before it were accepted."""

    wait: float
    first: bool

    def text(self, limits: LimitsTable) -> str:
        """Return the reply, in words."""
        return (
            f"Too many requests: {limits.requests_per_minute} per minute are allowed for each "
            f"person. Nothing was done. Try again in {math.ceil(self.wait)} s."
        )


class PersonRateLimiter:
    """The requests of each person, by `limits`. Times are seconds of `clock`."""

    def __init__(self, limits: LimitsTable, clock: Callable[[], float] = monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._people: OrderedDict[tuple[str, str], _Person] = OrderedDict()
        self._refused: dict[tuple[str, str], _Person] = {}

    def take(self, asked: Invocation) -> TooMany | None:
        """Count `asked`; None if it is not too much."""
        now, key = self._clock(), (asked.place.directory, asked.asker.id)
        person = self._people.get(key)
        if person is None:
            rate, burst = self.limits.requests_per_minute / 60.0, float(self.limits.burst)
            person = self._people[key] = _Person(TokenBucket.full(rate, burst, now))
            if len(self._people) > MAX_PEOPLE:
                self._people.popitem(last=False)
        self._people.move_to_end(key)
        wait = person.bucket.wait(now)
        if wait <= 0:
            person.bucket.take(now)
            return None
        first = key not in self._refused
        if first:
            person.first, person.refused = asked, 0
            self._refused[key] = person
        person.refused, person.last = person.refused + 1, now
        return TooMany(wait, first)

    def ended_bursts(self) -> list[tuple[Invocation, int]]:
        """Return the first refused request and the number of refused ones of each person who has
        been quiet since. Each burst is returned once."""
        if not self._refused:
            return []
        before = self._clock() - BURST_OVER_AFTER
        ended = [key for key, person in self._refused.items() if person.last <= before]
        people = [self._refused.pop(key) for key in ended]
        return [(one.first, one.refused) for one in people if one.first and one.refused > 1]
