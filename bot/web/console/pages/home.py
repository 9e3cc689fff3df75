"""Home: what runs, what is wrong, and what comes next, each leading on."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from baton.bus.messages import State
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.history import JobFilter, JobOutcome, PastJob
from bot.web.console.access import Viewer
from bot.web.console.pages.pages import PageParts, routes

T = TypeVar("T")

DAY = timedelta(days=1)
MAX_RUNNING, MAX_FAILED, MAX_NEXT, MAX_RECENT = 20, 20, 6, 8
"""Rows of each list."""


@dataclass(frozen=True, slots=True)
class LatestJobs:
    """What runs, what did not succeed in the last 24 hours, and what ended last."""

    running: list[PastJob]
    failed: list[PastJob]
    ended: list[PastJob]
    left_out: int


def home_routes(pages: PageParts) -> APIRouter:
    """Return the routes of the first page, and of the state of the links."""
    router = routes()

    @router.get("/")
    async def home(request: Request) -> Response:
        viewer = await pages.viewer(request)
        schedules = await _or_none(pages.schedules.read(viewer))
        upcoming = [one for one in schedules.schedules if one.next] if schedules else []
        return await pages.page(
            request,
            "home.html",
            viewer,
            jobs=await _or_none(_latest(pages, viewer)),
            alerts=await _or_none(pages.alerts.read(viewer)),
            schedules=schedules,
            upcoming=upcoming[:MAX_NEXT],
            servers=await pages.servers.read(viewer),
        )

    @router.get("/links")
    async def links(request: Request) -> Response:
        return await pages.page(request, "links_now.html", await pages.viewer(request))

    return router


async def _latest(pages: PageParts, viewer: Viewer) -> LatestJobs:
    async def read(wanted: JobFilter, limit: int) -> tuple[list[PastJob], int]:
        found = await pages.jobs.history(viewer, wanted, None, limit)
        return list(found.jobs), found.left_out

    since = pages.console.clock() - DAY
    running, _ = await read(JobFilter(outcome=JobOutcome.OPEN), MAX_RUNNING)
    bad, _ = await read(JobFilter(outcome=JobOutcome.UNSUCCESSFUL, since=since), MAX_FAILED)
    latest, left_out = await read(JobFilter(), MAX_RUNNING + MAX_RECENT)
    ended = [one for one in latest if one.job.closed is not None]
    failed = [one for one in bad if one.state is not State.CANCELLED]
    return LatestJobs(running, failed, ended[:MAX_RECENT], left_out)


async def _or_none(reading: Awaitable[T]) -> T | None:
    """Return what `reading` returns; None without the database: the rest of the page still says
    what it knows."""
    try:
        return await reading
    except DatabaseUnavailable:
        return None
