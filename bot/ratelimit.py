"""A token bucket, which limits how often something may be done. Pure: time comes in as a number of
seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """A token bucket: `rate` a second, at most `size` saved up (Turner, "New directions in
    communications", 1986). Before `shut` nothing can be taken."""

    rate: float
    size: float
    tokens: float
    at: float
    shut: float = float("-inf")

    @classmethod
    def full(cls, rate: float, size: float, now: float) -> TokenBucket:
        """A bucket that has saved up all it can."""
        return cls(rate, size, size, now)

    def wait(self, now: float, keep: float = 0.0) -> float:
        """Seconds until a token can be taken and `keep` are left."""
        self._fill(now)
        return max((1.0 + keep - self.tokens) / self.rate, self.shut - now, 0.0)

    def take(self, now: float) -> None:
        """Take a token."""
        self._fill(now)
        self.tokens -= 1.0

    def drain(self, now: float, until: float) -> None:
        """Forget what was saved up, and give nothing until then: the other side says that we were
        too fast."""
        self._fill(now)
        self.tokens = min(self.tokens, 0.0)
        self.shut = max(self.shut, until)

    def _fill(self, now: float) -> None:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = max(self.at, now)
