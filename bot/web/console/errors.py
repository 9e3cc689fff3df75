"""What the console answers when something is wrong: an HTTP status, a title and a sentence.

The API answers a problem as JSON (RFC 9457), a page shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from baton.errors import BatonError

_CLOSE = {"Connection": "close"}
"""What is left of the body is not read."""


class ConsoleError(BatonError):
    """{detail}"""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        return {}


class SignInNeeded(ConsoleError):
    """You are not signed in, or your session has ended. {how}"""

    status = 401
    title = "Sign-in needed"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class NotAllowed(ConsoleError):
    """{detail}"""

    status = 403
    title = "Not allowed"


class NotFound(ConsoleError):
    """{detail}"""

    status = 404
    title = "Not found"


class NoSuchMethod(ConsoleError):
    """{detail}"""

    status = 405
    title = "Method not allowed"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Allow": str(self.facts.get("allow", ""))}


class Conflict(ConsoleError):
    """{detail}"""

    status = 409
    title = "Not possible now"


class TooLarge(ConsoleError):
    """The body of a request may have {most} bytes at most."""

    status = 413
    title = "Too large"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return _CLOSE


class TooSlow(ConsoleError):
    """The body of the request did not arrive within {seconds} s."""

    status = 408
    title = "Too slow"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return _CLOSE


class Unusable(ConsoleError):
    """{detail}"""

    status = 422
    title = "This cannot be used"

    @property
    def field(self) -> str:
        """The field that is wrong; empty if it is not one field."""
        return str(self.facts.get("field", ""))


class LimitReached(ConsoleError):
    """{detail}"""

    status = 429
    title = "Too many requests"
    permanent = False

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.facts.get("seconds", 1))}


class NotDone(ConsoleError):
    """{detail}"""

    status = 500
    title = "It did not succeed"


class Unavailable(ConsoleError):
    """{detail}"""

    status = 503
    title = "Not available now"
    permanent = False

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": "5"}


def not_a_position() -> Unusable:
    """Return the error for a `before` that names no place in a list."""
    detail = "Before: it must be the `next` of another page, as it was answered."
    return Unusable(detail=detail, field="before")
