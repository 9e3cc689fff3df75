"""Identifies senders by their tokens, and limits how often each may send."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from bot.ratelimit import TokenBucket
from bot.web.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How much one token may send: `rate` a second, `burst` at once."""

    rate: float
    burst: float


class TokenAuth:
    """Identifies the owner of a token, who may send as much as `limit` says. Wrong tokens are not
    remembered, so that guessing costs no memory.

    How long a look-up takes reveals nothing about the known tokens: they are found by a digest
    under a key that nobody else has, and then compared in constant time.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._secret = secrets.token_bytes(32)
        self._tokens: Mapping[str, str] = {}
        self._names: dict[bytes, str] = {}
        self._buckets: dict[str, TokenBucket] = {}

    def owner(self, token: str, tokens: Mapping[str, str], now: float) -> str | None:
        """Return the name in `tokens` (token by name) that `token` belongs to; None if to none.

        `now` is in seconds of the monotonic clock.
        """
        if tokens is not self._tokens:
            self._learn(tokens, now)
        name = self._names.get(self._digest(token))
        known = tokens[name] if name is not None else ""
        if not hmac.compare_digest(known.encode(), token.encode(errors="replace")) or not known:
            return None
        return name

    def admit(self, name: str, now: float) -> None:
        """Count a request of `name`, an owner. Raises TooManyRequests if they come too often."""
        bucket = self._buckets[name]
        wait = bucket.wait(now)
        if wait > 0:
            raise TooManyRequests(seconds=math.ceil(wait))
        bucket.take(now)

    def _learn(self, tokens: Mapping[str, str], now: float) -> None:
        """Use other tokens; a name that stays keeps what it has used up."""
        self._tokens = tokens
        self._names = {self._digest(token): name for name, token in tokens.items()}
        self._buckets = {
            name: self._buckets.get(name)
            or TokenBucket.full(self._limit.rate, self._limit.burst, now)
            for name in tokens
        }

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode(errors="replace"), "sha256")
