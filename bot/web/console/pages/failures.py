"""The pages that say what is wrong, what still works, and where to go from here."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from bot.store.errors import DatabaseUnavailable
from bot.web.console.access import Access, Viewer
from bot.web.console.api.problems import API, problem
from bot.web.console.errors import ConsoleError, NoSuchMethod, NotFound, Unavailable
from bot.web.console.pages.forms import read_form
from bot.web.console.pages.rendering import Renderer
from bot.web.console.security_headers import HEADERS


def sign_in_address(url: str) -> str:
    """Return the address of the sign-in that leads back to the page at `url`."""
    here = urlsplit(url)
    back = (here.path or "/") + (f"?{here.query}" if here.query else "")
    return f"/sign-in?next={quote(back, safe='/')}"


def wants_page(request: Request) -> bool:
    """Return whether a person waits for an answer, and not a program."""
    if request.url.path.startswith(API):
        return False
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


class Failures:
    """Answers what went wrong: to people by a page, to programs as RFC 9457 says."""

    def __init__(self, renderer: Renderer, access: Access) -> None:
        self._renderer = renderer
        self._access = access

    async def answer(self, request: Request, error: Exception) -> Response:
        """Answer a ConsoleError, or that the database is away."""
        if isinstance(error, DatabaseUnavailable):
            error = Unavailable(detail=str(error))
        assert isinstance(error, ConsoleError)
        if not wants_page(request):
            return problem(error)
        if error.status == 401:
            return await self._sign_in(request)
        if "hx-request" in request.headers:
            return problem(error)  # the script of the page shows it beside what was asked
        return await self._renderer.page(
            request,
            "error.html",
            await self._viewer(request),
            status=error.status,
            headers=error.headers,
            title=error.title,
            detail=str(error),
        )

    async def unknown(self, request: Request, error: Exception) -> Response:
        """Answer an address that leads nowhere, or a method that it does not take."""
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            detail = "This page cannot be opened like that. Open it by a link."
            allow = (error.headers or {}).get("Allow", "")
            return await self.answer(request, NoSuchMethod(detail=detail, allow=allow))
        return await self.answer(request, NotFound(detail="There is no page at this address."))

    async def fault(self, request: Request, error: Exception) -> Response:
        """Answer a fault of ours. uvicorn logs it."""
        detail = "This is a fault of Baton, not yours. The log of the bot says what happened."
        answer = await self.answer(request, ConsoleError(detail=detail))
        answer.headers.update(HEADERS)  # no middleware sees this answer
        return answer

    async def _sign_in(self, request: Request) -> Response:
        """Lead to the sign-in, and from there back to where the person was. What they have typed
        must not be lost with their session."""
        if "hx-request" in request.headers:
            # the script of the page says it, and leaves the page and its forms as they are
            return Response(status_code=401)
        if request.method in ("GET", "HEAD"):
            return RedirectResponse(sign_in_address(str(request.url)), 303)
        try:
            form = await read_form(request)
        except ConsoleError:
            form = {}
        if not form:
            return RedirectResponse("/sign-in", 303)
        here = urlsplit(str(request.url))
        return await self._renderer.page(
            request,
            "session_over.html",
            None,
            status=401,
            title="Your session has ended",
            address=here.path + (f"?{here.query}" if here.query else ""),
            sign_in=sign_in_address(request.headers.get("referer", "/")),
            form=form,
        )

    async def _viewer(self, request: Request) -> Viewer | None:
        try:
            return await self._access.viewer(request)
        except (ConsoleError, DatabaseUnavailable):
            return None
