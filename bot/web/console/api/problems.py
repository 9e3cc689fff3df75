"""Problems: how the API answers errors, as RFC 9457 describes."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bot.store.errors import DatabaseUnavailable
from bot.web.console.errors import ConsoleError, NoSuchMethod, NotFound, Unavailable, Unusable

API = "/api/v1"
PROBLEM = "application/problem+json"
MAX_ERRORS = 20
"""Faults of one request that an answer names."""


class FieldError(BaseModel):
    """A field of a request that is wrong."""

    field: str = Field(description="its name; empty if it is the body as a whole")
    detail: str = Field(description="what is wrong with it")


class Problem(BaseModel):
    """What is wrong, as RFC 9457 describes."""

    type: str = Field("about:blank", description="always about:blank: the status says which kind")
    title: str = Field(description="the kind of problem, in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong, and what to do, in words for people")
    field: str | None = Field(None, description="the field that is wrong, if it is one field")
    errors: list[FieldError] | None = Field(None, description="each field that is wrong")


def problem(error: ConsoleError, errors: list[FieldError] | None = None) -> Response:
    """Return the answer for `error`; `errors` are the fields that are wrong, if it was said."""
    content = Problem(
        title=error.title,
        status=error.status,
        detail=str(error),
        field=error.field or None if isinstance(error, Unusable) else None,
        errors=errors,
    )
    shown = content.model_dump(exclude_none=True)
    return JSONResponse(shown, error.status, headers=error.headers, media_type=PROBLEM)


def add_problems(api: FastAPI) -> None:
    """Have `api` answer every error as a problem."""
    api.add_exception_handler(ConsoleError, _console_error)
    api.add_exception_handler(DatabaseUnavailable, _console_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _refused_by_the_framework)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _fault)


async def _console_error(request: Request, error: Exception) -> Response:
    if isinstance(error, DatabaseUnavailable):
        error = Unavailable(detail=str(error))
    assert isinstance(error, ConsoleError)
    return problem(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer a request whose body, query or path does not fit its model."""
    assert isinstance(error, RequestValidationError)
    errors = [_field_error(one) for one in error.errors()[:MAX_ERRORS]]
    first = errors[0]
    detail = f"{first.field}: {first.detail}" if first.field else first.detail
    return problem(Unusable(detail=f"{detail[:1].upper()}{detail[1:]}.", field=first.field), errors)


def _field_error(error: ErrorDetails) -> FieldError:
    """Return what is wrong, and where: `limit`, or `arguments.app` within a body."""
    _, *where = error["loc"]
    if error["type"] == "json_invalid":
        return FieldError(field="", detail="the body is not valid JSON")
    field = ".".join(str(part) for part in where)
    if not field:
        detail = "the body is missing" if error["type"] == "missing" else error["msg"]
        return FieldError(field="", detail=detail.removeprefix("Value error, "))
    return FieldError(field=field, detail=error["msg"].removeprefix("Value error, ").lower())


async def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        detail = f"{request.url.path} does not take {request.method}."
        return problem(NoSuchMethod(detail=detail, allow=(error.headers or {}).get("Allow", "")))
    if error.status_code == 404:
        return problem(NotFound(detail=f"The API has nothing at {request.url.path}."))
    return problem(Unusable(detail="This request cannot be served."))


async def _gone(request: Request, error: Exception) -> Response:
    """The client has disconnected: nobody reads this."""
    return Response(status_code=400)


async def _fault(request: Request, error: Exception) -> Response:
    """Answer a fault of ours. uvicorn logs it."""
    return problem(ConsoleError(detail="This is a fault of Baton. See the log of the bot."))
