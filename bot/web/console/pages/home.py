"""Home: what runs, what is wrong, and what comes next, each leading on."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from bot.store.errors import DatabaseUnavailable
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.reading.recent_jobs import DAY, read_jobs

T = TypeVar("T")

MAX_FAILED, MAX_NEXT, MAX_RECENT = 6, 6, 8
"""Rows of each list."""


def home_routes(pages: PageParts) -> APIRouter:
    """Return the routes of the first page, and of the state of the links."""
    router = routes()

    @router.get("/")
    async def home(request: Request) -> Response:
        viewer = await pages.viewer(request)
        now = pages.console.clock()
        jobs = await _or_none(read_jobs(pages.console, viewer))
        alerts = await _or_none(pages.alerts.read(viewer))
        schedules = await _or_none(pages.schedules.read(viewer))
        servers = await pages.servers.read(viewer)
        upcoming = [one for one in schedules.schedules if one.next] if schedules else []
        return await pages.page(
            request,
            "home.html",
            viewer,
            jobs=jobs,
            running=jobs.running() if jobs else [],
            failed=jobs.failed_since(now - DAY)[:MAX_FAILED] if jobs else [],
            recent=[one for one in jobs.jobs if not one.open][:MAX_RECENT] if jobs else [],
            alerts=alerts,
            schedules=schedules,
            upcoming=upcoming[:MAX_NEXT],
            servers=servers,
        )

    @router.get("/links")
    async def links(request: Request) -> Response:
        return await pages.page(request, "links_now.html", await pages.viewer(request))

    return router


async def _or_none(reading: Awaitable[T]) -> T | None:
    """Return what `reading` returns; None without the database: the rest of the page still says
    what it knows."""
    try:
        return await reading
    except DatabaseUnavailable:
        return None
