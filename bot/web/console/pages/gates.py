"""The page of locks and freezes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bot.web.console.pages.pages import PageParts, routes


def gate_pages(pages: PageParts) -> APIRouter:
    """Return the route of this page."""
    router = routes()

    @router.get("/gates")
    async def gates(request: Request) -> Response:
        viewer = await pages.viewer(request)
        return await pages.page(
            request,
            "gates.html",
            viewer,
            locks=await pages.gates.locks(viewer),
            seen=await pages.gates.freezes(viewer),
        )

    return router
