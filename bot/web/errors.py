"""What is answered to who cannot be served, beside BadInput, which is answered with 400."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bot.ingest.errors import Rejected


class Refusal(Rejected):
    """{reason}"""

    status: ClassVar[int] = 400

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer's head says besides."""
        return {}


class NoKey(Refusal):
    """No token that is known here was sent, as `Authorization: Bearer TOKEN`, as `?token=TOKEN` or
    as the password of basic authentication."""

    status = 401
    kind = "unknown_token"

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"WWW-Authenticate": "Bearer"}


class NotSigned(Refusal):
    """The path names no sender that is known here, or the body is not signed with its token (the
    secret of the webhook)."""

    status = 401
    kind = "unknown_token"


class NoSuchCheckIn(Refusal):
    """There is no check-in with this token."""

    status = 401
    kind = "unknown_token"

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"WWW-Authenticate": "Bearer"}


class TooSlow(Refusal):
    """The body did not come within {seconds} s."""

    status = 408
    kind = "too_slow"

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Connection": "close"}


class TooLarge(Refusal):
    """The body may have {most} bytes at most."""

    status = 413
    kind = "too_large"


class TooMany(Refusal):
    """Too many requests with this token. Send the next one in {seconds} s."""

    status = 429
    kind = "too_many"
    permanent = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Retry-After": str(self.facts["seconds"])}


class NotNow(Refusal):
    """It cannot be taken for the moment. Send it again."""

    status = 503
    kind = "unavailable"
    permanent = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Retry-After": "5"}
