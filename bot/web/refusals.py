"""What is answered to who cannot be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import ValidationError

from baton.errors import BatonError


class Refusal(BatonError):
    """{reason}"""

    status: ClassVar[int] = 400
    permanent = True

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer's head says besides."""
        return {}


class BadInput(Refusal):
    """{field}: {reason}."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field=field, reason=reason.rstrip("."))

    @classmethod
    def of(cls, error: ValidationError, whole: str = "body", prefix: str = "") -> BadInput:
        """The first thing that is wrong, by its place in `whole`: `alerts[2].labels.job`, with
        `prefix` before it. What was sent is not repeated."""
        first = error.errors(include_url=False, include_input=False)[0]
        place = ""
        for part in first["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        return cls(prefix + place if place else whole, reason[:1].lower() + reason[1:])


class NoKey(Refusal):
    """No token that is known here was sent, as `Authorization: Bearer TOKEN` or `?token=TOKEN`."""

    status = 401

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"WWW-Authenticate": "Bearer"}


class NoSuchCheckIn(Refusal):
    """There is no check-in with this token."""

    status = 401

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"WWW-Authenticate": "Bearer"}


class TooSlow(Refusal):
    """The body did not come within {seconds} s."""

    status = 408

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Connection": "close"}


class TooLarge(Refusal):
    """The body may have {most} bytes at most."""

    status = 413


class TooMany(Refusal):
    """Too many requests with this token. Send the next one in {seconds} s."""

    status = 429
    permanent = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Retry-After": str(self.facts["seconds"])}


class NotNow(Refusal):
    """It cannot be taken for the moment. Send it again."""

    status = 503
    permanent = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Keeps Refusal.headers."""
        return {"Retry-After": "5"}
