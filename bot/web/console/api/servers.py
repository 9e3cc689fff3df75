"""`/api/v1/servers`: the servers, when they were last heard, and what is live on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from bot.web.console.access import Access
from bot.web.console.api.models import problems
from bot.web.console.reading.servers import SeenRelease, SeenServer, ServerReading


class LiveShown(BaseModel):
    """What is live of an app on a server, since a deploy put it there."""

    label: str = Field(description="what people call it: v2 (1a2b3c4d)")
    ref: str = Field(description="the branch, tag or commit that was asked for; it may be empty")
    commit: str
    release: str = Field(description="the folder of the release")
    job: str = Field(description="the ID of the job that deployed it; empty if you may not read it")
    since: datetime

    @classmethod
    def of(cls, one: SeenRelease) -> LiveShown:
        """Return `one` as the API shows it."""
        return cls(
            label=one.label,
            ref=one.ref,
            commit=one.commit,
            release=one.release,
            job=one.job,
            since=one.since,
        )


class ServerShown(BaseModel):
    """A server, as its heartbeats and the deploys on it say."""

    host: str
    environment: str
    apps: list[str]
    live: dict[str, LiveShown] = Field(description="what is live, by app, as far as it is known")
    version: str = Field(description="the version of its agent")
    heard: datetime = Field(description="when its last heartbeat came")
    missing: bool = Field(description="whether it is silent for longer than it should be")
    why: str = Field(description="why it is missing; else empty")
    notes: list[str] = Field(description="what is unusual about it")


class ServerList(BaseModel):
    """The servers that the person may look at, by name."""

    servers: list[ServerShown]
    left_out: int = Field(description="servers that were left out: you may not look at them")
    note: str = Field(description="the same in words; empty if none was left out")
    blind_since: datetime | None = Field(
        description="since when the bot receives no heartbeats of any server; null if it does"
    )


def live_on(server: SeenServer | None) -> dict[str, LiveShown]:
    """Return what is live on `server`, by app; nothing if it is not known or may not be seen."""
    found = server.apps if server is not None else ()
    return {app: LiveShown.of(release) for app, release in found if release is not None}


def server_routes(reading: ServerReading, access: Access) -> APIRouter:
    """Return the route that lists servers."""
    routes = APIRouter(tags=["servers"])

    @routes.get("/servers", responses=problems())
    async def list_servers(
        request: Request, environment: Annotated[str, Query(max_length=64)] = ""
    ) -> ServerList:
        """List the servers: all, or those of one environment."""
        seen = await reading.read(await access.viewer(request))
        shown = [_shown(one) for one in seen.servers if environment in ("", one.environment)]
        return ServerList(
            servers=shown,
            left_out=seen.left_out,
            note=seen.note,
            blind_since=seen.blind_since,
        )

    return routes


def _shown(one: SeenServer) -> ServerShown:
    return ServerShown(
        host=one.host,
        environment=one.environment,
        apps=[app for app, _ in one.apps],
        live=live_on(one),
        version=one.version,
        heard=one.heard,
        missing=one.silent,
        why=one.why,
        notes=list(one.notes),
    )
