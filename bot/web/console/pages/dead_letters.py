"""The page of the messages that could not be handled."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from baton.errors import BatonError
from bot.store.errors import DatabaseUnavailable
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.reading.dead_letters import SeenLetters, read_letters

MAX_SHOWN = 20
"""Letters of a reason that are shown, the newest first."""


def dead_letter_routes(pages: PageParts) -> APIRouter:
    """Return the route of the page."""
    router = routes()

    @router.get("/dead")
    async def dead(request: Request) -> Response:
        viewer = await pages.viewer(request)
        problem, seen = "", SeenLetters()
        try:
            seen = await read_letters(pages.console, viewer)
        except DatabaseUnavailable:
            raise
        except BatonError as error:  # the bus is away: the page says so
            problem = str(error)
        return await pages.page(
            request, "dead.html", viewer, seen=seen, problem=problem, most=MAX_SHOWN
        )

    return router
