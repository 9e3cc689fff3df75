"""`/api/v1/me`: who a token or a session belongs to."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from bot.web.console.access import Access
from bot.web.console.api.models import problems


class Me(BaseModel):
    """The person who asks, as their chat knows them. `scopes` says what their session or token may
    do: `read`, and perhaps `ask`."""

    id: str
    name: str
    directory: str
    scopes: list[str]


def me_routes(access: Access) -> APIRouter:
    """Return the route that says who asks."""
    routes = APIRouter(tags=["me"])

    @routes.get("/me", responses=problems())
    async def me(request: Request) -> Me:
        """Return the person whom the token or the session belongs to."""
        viewer = await access.viewer(request)
        person = viewer.person
        return Me(
            id=person.id,
            name=person.name,
            directory=viewer.place.directory,
            scopes=sorted(viewer.scopes),
        )

    return routes
