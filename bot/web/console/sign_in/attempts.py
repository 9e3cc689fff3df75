"""How often somebody may try to sign in."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from bot.ratelimit import TokenBucket
from bot.web.console.errors import LimitReached

RATE = 1.0
"""Attempts a second from one address. A whole team may share that of a proxy."""
BURST = 60.0
MAX_ADDRESSES = 10_000
"""Addresses that are remembered: who tried longest ago is forgotten first."""


class SignInAttempts:
    """Counts the attempts of each address. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, request: Request) -> None:
        """Count an attempt. Raises LimitReached."""
        address, now = request.client.host if request.client else "", self._clock()
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket.full(RATE, BURST, now)
            if len(self._buckets) > MAX_ADDRESSES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        wait = bucket.wait(now)
        if wait > 0:
            seconds = math.ceil(wait)
            detail = f"Too many attempts to sign in from this address. Try again in {seconds} s."
            raise LimitReached(detail=detail, seconds=seconds)
        bucket.take(now)
