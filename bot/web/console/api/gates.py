"""`/api/v1/locks` and `/api/v1/freezes`: what stands in the way. Whatever changes it is asked."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from bot.web.console.access import Access
from bot.web.console.api.models import problems
from bot.web.console.reading.gates import GateReading


class LockShown(BaseModel):
    """A lock that somebody has."""

    words: str = Field(description="how commands name it: unlock shop prod")
    environment: str
    app: str | None = Field(description="null: every app")
    hosts: list[str] = Field(description="its servers; empty: all of the environment")
    owner: str
    reason: str
    since: datetime
    until: datetime
    number: int = Field(description="its number, which grows within its environment")
    waiting: list[str] = Field(description="who gets it next, the first one first")


class LockList(BaseModel):
    """The locks that somebody has and that the person may see."""

    locks: list[LockShown]
    left_out: int = Field(description="locks that were left out: you may not see them")
    note: str = Field(description="the same in words; empty if none was left out")


class FreezeShown(BaseModel):
    """A freeze of the settings."""

    name: str
    environments: list[str] = Field(description="names or shell patterns")
    apps: list[str] = Field(description="names or shell patterns")
    zone: str
    until: datetime | None = Field(description="when it ends, if it is on now")
    may_break: str = Field(description="who may pass it; empty: nobody")


class BrokenShown(BaseModel):
    """A freeze that somebody broke, and nobody else has reviewed yet."""

    id: str = Field(description="for the words: reviewed ID")
    freeze: str
    by: str
    at: datetime
    words: str = Field(description="what was asked")
    reason: str
    job: str


class FreezeList(BaseModel):
    """The freezes, and those that were broken."""

    freezes: list[FreezeShown]
    problems: list[str] = Field(
        description="why the freezes are not what the files say now: they stay as they were"
    )
    broken: list[BrokenShown]


def gate_routes(reading: GateReading, access: Access) -> APIRouter:
    """Return the routes that list locks and freezes."""
    routes = APIRouter(tags=["gates"])

    @routes.get("/locks", responses=problems())
    async def list_locks(request: Request) -> LockList:
        """List the locks. To take or end one, ask the words: lock shop prod for 1h because ..."""
        seen = await reading.locks(await access.viewer(request))
        return LockList.model_validate(seen, from_attributes=True)

    @routes.get("/freezes", responses=problems())
    async def list_freezes(request: Request) -> FreezeList:
        """List the freezes, and those that somebody broke and nobody else has reviewed yet."""
        seen = await reading.freezes(await access.viewer(request))
        return FreezeList.model_validate(seen, from_attributes=True)

    return routes
