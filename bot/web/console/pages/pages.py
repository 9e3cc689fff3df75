"""What every page is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from bot.web.console.access import Viewer
from bot.web.console.asking import Asking
from bot.web.console.pages.rendering import Renderer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.alerts import AlertReading
from bot.web.console.reading.gates import GateReading
from bot.web.console.reading.jobs import JobReading
from bot.web.console.reading.schedules import ScheduleReading
from bot.web.console.reading.servers import ServerReading


@dataclass(frozen=True, slots=True)
class PageParts:
    """What pages read and render with."""

    console: ConsoleParts
    renderer: Renderer
    asking: Asking
    jobs: JobReading
    servers: ServerReading
    alerts: AlertReading
    schedules: ScheduleReading
    gates: GateReading

    async def viewer(self, request: Request) -> Viewer:
        """Return who sent `request`. Raises what Access.viewer raises."""
        return await self.console.access.viewer(request)

    async def page(
        self, request: Request, template: str, viewer: Viewer, **values: Any
    ) -> HTMLResponse:
        """Return the page that `template` makes of `values`."""
        return await self.renderer.page(request, template, viewer, **values)


def routes() -> APIRouter:
    """Return a router for pages: none of them is in the description of the API."""
    return APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
