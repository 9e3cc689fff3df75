"""Helps to type: what may come next in a command, of what this person may see."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from bot.dispatch.command_form import Values
from bot.dispatch.suggestions import suggestions
from bot.jobs import short_id
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.history import JobFilter
from bot.web.console.access import Viewer
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.reading.servers import SeenServers

MAX_TYPED = 2_000
MAX_SHOWN = 30
RECENT_JOBS = 20


def typing_routes(pages: PageParts) -> APIRouter:
    """Return the route that a command box asks."""
    router = routes()

    @router.get("/suggestions")
    async def suggest(request: Request, typed: str = "") -> Response:
        viewer = await pages.viewer(request)
        known = dict(known_values(await pages.servers.read(viewer)))
        known["command"] = sorted(pages.console.commands)
        if " " in typed.strip() or typed.endswith(" "):
            known["job"] = await _jobs(pages, viewer)
        found = suggestions(
            typed[:MAX_TYPED],
            pages.console.commands,
            {name: lambda values=values: values for name, values in known.items()},  # type: ignore[misc]
            {},
        )
        shown = [
            {"text": one.text, "replaces": one.replaces, "meaning": one.meaning}
            for one in found[:MAX_SHOWN]
        ]
        return JSONResponse({"suggestions": shown})

    return router


def known_values(servers: SeenServers) -> Values:
    """Return what may stand in which field, of the servers that somebody may see."""
    live = [release for one in servers.servers for _, release in one.apps if release]
    return {
        "environment": servers.environments,
        "app": servers.apps,
        "host": [one.host for one in servers.servers],
        "ref": sorted({one.ref for one in live if one.ref}),
    }


async def _jobs(pages: PageParts, viewer: Viewer) -> list[str]:
    try:
        found = await pages.jobs.history(viewer, JobFilter(), None, RECENT_JOBS)
    except DatabaseUnavailable:
        return []
    return [short_id(one.job.id) for one in found.jobs]
