"""The pages that list what there is: servers, alerts, schedules, and the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from bot.store.jobs.audit_entries import AuditFilter
from bot.web.console.api.audit import audit_position
from bot.web.console.pages.history import MAX_VALUE
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.rendering import query
from bot.web.console.reading.audit import read_audit

AUDIT_PAGE = 100
"""Entries of the audit log on a page."""


def list_routes(pages: PageParts) -> APIRouter:
    """Return the routes of these pages."""
    router = routes()

    @router.get("/servers")
    async def servers(request: Request, environment: str = "") -> Response:
        viewer = await pages.viewer(request)
        seen = await pages.servers.read(viewer)
        shown = [one for one in seen.servers if environment in ("", one.environment)]
        shown.sort(key=lambda one: (not one.silent, one.environment, one.host))
        return await pages.page(
            request, "servers.html", viewer, seen=seen, shown=shown, environment=environment
        )

    @router.get("/alerts")
    async def alerts(request: Request) -> Response:
        viewer = await pages.viewer(request)
        return await pages.page(
            request,
            "alerts.html",
            viewer,
            on=pages.alerts.on,
            seen=await pages.alerts.read(viewer),
            past=[one for one in await pages.alerts.history(viewer) if one.ended is not None],
        )

    @router.get("/schedules")
    async def schedules(request: Request) -> Response:
        viewer = await pages.viewer(request)
        seen = await pages.schedules.read(viewer)
        return await pages.page(request, "schedules.html", viewer, seen=seen)

    @router.get("/audit")
    async def audit(
        request: Request, person: str = "", environment: str = "", before: str = ""
    ) -> Response:
        viewer = await pages.viewer(request)
        wanted = AuditFilter(
            person=person[:MAX_VALUE].strip(), environment=environment[:MAX_VALUE].strip()
        )
        given = {"person": wanted.person, "environment": wanted.environment}
        seen = await read_audit(
            pages.console,
            viewer,
            wanted,
            limit=AUDIT_PAGE,
            before=audit_position(before),
        )
        return await pages.page(
            request,
            "audit.html",
            viewer,
            seen=seen,
            given=given,
            before=before,
            newest=query(given),
            older=query({**given, "before": seen.next}) if seen.next else "",
        )

    return router
