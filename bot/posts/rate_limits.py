"""The rate limits of a front end. Pure: time comes in as a number of seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.fronts.protocol import Limits
from bot.ratelimit import TokenBucket


@dataclass(slots=True)
class RateLimits:
    """What a front end allows: new `posts` in each channel, `edits` in all of them together, and
    nothing before `shut`."""

    limits: Limits
    edits: TokenBucket
    posts: dict[str, TokenBucket] = field(default_factory=dict)
    shut: float = float("-inf")

    @classmethod
    def of(cls, limits: Limits, now: float) -> RateLimits:
        """Return rate limits of which nothing is used."""
        per_second = limits.edits_per_minute / 60.0
        return cls(limits, TokenBucket.full(per_second, limits.edits_per_minute / 4, now))

    def channel(self, name: str, now: float) -> TokenBucket:
        """Return the bucket of new posts in one channel."""
        if name not in self.posts:
            rate = 1.0 / self.limits.post_every
            self.posts[name] = TokenBucket.full(rate, float(self.limits.post_burst), now)
        return self.posts[name]
