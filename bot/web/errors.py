"""The HTTP errors that are answered, beside BadInput, which is answered with 400."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from bot.ingest.errors import Rejected


class HttpError(Rejected):
    """{reason}"""

    status: ClassVar[int] = 400

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        return {}


class Unauthorized(HttpError):
    """Unknown or missing token. Send one as `Authorization: Bearer TOKEN`, as `?token=TOKEN` or as
    the password of basic authentication."""

    status = 401
    kind = "unknown_token"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class BadSignature(HttpError):
    """Unknown sender in the path, or the body is not signed with that sender's token (the secret of
    the webhook)."""

    status = 401
    kind = "unknown_token"


class UnknownCheckIn(HttpError):
    """Unknown check-in token."""

    status = 401
    kind = "unknown_token"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class RequestTimeout(HttpError):
    """The body did not arrive within {seconds} s."""

    status = 408
    kind = "too_slow"

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Connection": "close"}


class ContentTooLarge(HttpError):
    """The body may have {most} bytes at most."""

    status = 413
    kind = "too_large"


class TooManyRequests(HttpError):
    """Too many requests with this token. Send the next one in {seconds} s."""

    status = 429
    kind = "too_many"
    permanent = False

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.facts["seconds"])}


class ServiceUnavailable(HttpError):
    """Not available at the moment. Send it again."""

    status = 503
    kind = "unavailable"
    permanent = False

    @property
    @override
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": "5"}
