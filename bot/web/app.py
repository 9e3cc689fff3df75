"""The app: its routes, and how errors are answered. No answer reveals a traceback, a token or a
path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from baton.version import baton_version
from bot.ingest.errors import BadInput, Rejected
from bot.web.console.api.problems import API
from bot.web.console.console import add_console
from bot.web.console.pages.failures import wants_page
from bot.web.console.parts import ConsoleParts
from bot.web.errors import HttpError
from bot.web.health import parts
from bot.web.ingest import IngestRoutes
from bot.web.metrics import Metrics
from bot.web.status import StatusReader

_Answers = Callable[[Request, Exception], Awaitable[Response]]

_WORDS = {
    404: "Not found.",
    405: "This address does not accept that method.",
}


def build(
    watch: StatusReader, ingest: IngestRoutes | None = None, console: ConsoleParts | None = None
) -> FastAPI:
    """Return the app that shows the status by `watch`. Without `ingest` it accepts nothing from
    senders, without `console` it has no pages and no API."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # the paths of check-ins are secret
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    _StatusRoutes(watch).add_to(app)
    if ingest is not None:
        ingest.add_to(app)
    failures = None if console is None else add_console(app, console)
    unknown: _Answers = _refused_by_the_framework
    fault: _Answers = _failed
    if failures is not None:
        unknown = _of_console(failures.unknown, unknown)
        fault = _of_console(failures.fault, fault)
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, fault)
    return app


def _of_console(console: _Answers, other: _Answers) -> _Answers:
    """Return what answers people, and programs that use the API, by `console`, and other programs
    by `other`. No route takes an address of the API that has a line break in it."""

    async def answer(request: Request, error: Exception) -> Response:
        ours = wants_page(request) or request.url.path.startswith(f"{API}/")
        return await (console if ours else other)(request, error)

    return answer


class _StatusRoutes:
    """The routes that show the status of the bot to programs."""

    def __init__(self, watch: StatusReader) -> None:
        self._watch = watch
        self._metrics = Metrics(watch)

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in (
            ("/healthz", self.health),
            ("/readyz", self.readiness),
            ("/metrics", self.metrics),
        ):
            app.add_api_route(path, endpoint, methods=["GET", "HEAD"])

    async def health(self, request: Request) -> Response:
        return _answer({"alive": True, "version": baton_version()})

    async def readiness(self, request: Request) -> Response:
        found = parts(await self._watch.read())
        ready = all(part.well for part in found)
        shown = {
            part.name: {
                "well": part.well,
                "words": part.words,
                **{name: round(number, 3) for name, number in part.numbers.items()},
            }
            for part in found
        }
        answer = {"ready": ready, "bot": self._watch.name, "parts": shown}
        return _answer(answer, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        text, kind = await self._metrics.scraped(request.headers.get("accept", ""))
        headers = {"Content-Type": kind, "Cache-Control": "no-store"}
        return Response(text, headers=headers)


def _answer(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})


async def _rejected(request: Request, error: Exception) -> Response:
    content = {"error": str(error)}
    if isinstance(error, BadInput):
        content["field"] = error.field
    if not isinstance(error, HttpError):
        return JSONResponse(content, 400)
    return JSONResponse(content, error.status, headers=dict(error.headers))


async def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = _WORDS.get(error.status_code, "This request cannot be served.")
    return JSONResponse({"error": words}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """The client has disconnected: nobody reads this."""
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a fault of ours. uvicorn logs it."""
    return JSONResponse({"error": "Internal error. See the log of the bot."}, 500)
