"""Slack's rate limits (docs.slack.dev/apis/web-api/rate-limits), off unless a test wants them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class RateLimits:
    """Posts: `posts_per_second` a channel with bursts; other methods: their tier, a sliding minute.

    `per_minute` overrides a method's tier: `{"chat.update": 10}`. `clock` gives seconds.
    """

    posts_per_second: float = 1.0
    burst: int = 3
    per_minute: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _calls: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, method: str, tier: int | None, channel: str) -> int:
        """Seconds to wait, as Retry-After counts them; 0 and counted if the call may go on."""
        if method == "chat.postMessage":
            return self._post(channel)
        most = self.per_minute.get(method, tier)
        return 0 if most is None else self._sliding(method, most)

    def _post(self, channel: str) -> int:
        now = self.clock()
        left, then = self._buckets.get(channel, (float(self.burst), now))
        left = min(float(self.burst), left + (now - then) * self.posts_per_second)
        if left < 1:
            self._buckets[channel] = (left, now)
            return math.ceil((1 - left) / self.posts_per_second)
        self._buckets[channel] = (left - 1, now)
        return 0

    def _sliding(self, method: str, most: int) -> int:
        now = self.clock()
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= most:
            return max(1, math.ceil(calls[0] + 60 - now))
        calls.append(now)
        return 0
