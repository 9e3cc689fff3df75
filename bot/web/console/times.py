"""Times as pages and programs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from bot.web.console.errors import Unusable

MAX_TEXT = 40
"""Characters of a time."""


def utc(at: datetime) -> datetime:
    """Return `at`; in UTC if it has no zone."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def time_of(text: str, field: str) -> datetime:
    """Return the time that `field` says, in UTC. Raises Unusable."""
    try:
        return utc(datetime.fromisoformat(text[:MAX_TEXT])).astimezone(UTC)
    except (ValueError, OverflowError):
        detail = "This is no time. Write it as 2026-11-26T09:30:00Z."
        raise Unusable(field=field, detail=detail) from None


def _text(given: Any) -> Any:
    """Return `given` unless it is a number, which would be read as the seconds since 1970."""
    if re.fullmatch(r"\s*[-+.\d]+\s*", str(given)) and not re.search(r"\d-\d", str(given)):
        raise ValueError("a time is written as 2026-11-26T09:30:00Z")
    return given


QueryTime = Annotated[datetime, BeforeValidator(_text), AfterValidator(utc)]
"""A time in a query: UTC if it has no zone."""
