"""Problems: how the API answers errors, as RFC 9457 describes."""

from __future__ import annotations

from fastapi import Response
from fastapi.responses import JSONResponse

from bot.web.console.errors import ConsoleError, TooMany, Unusable

API = "/api/v1"
PROBLEM = "application/problem+json"


def problem(error: ConsoleError) -> Response:
    """Return the answer for `error`."""
    content = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
    }
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Unusable) and error.field:
        content["field"] = error.field
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.seconds)
    return JSONResponse(content, error.status, headers=headers, media_type=PROBLEM)
