"""Home: what runs, what is wrong, and what comes next, each leading on."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.history import JobFilter, JobOutcome, PastJob
from bot.web.console.access import Viewer
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.rendering import query

T = TypeVar("T")

DAY = timedelta(days=1)
MAX_RUNNING, MAX_FAILED, MAX_NEXT, MAX_RECENT = 20, 20, 6, 8
"""Rows of each list."""


@dataclass(frozen=True, slots=True)
class SomeJobs:
    """The latest of some jobs; `more`: there are others."""

    jobs: list[PastJob]
    more: bool

    @property
    def count(self) -> str:
        """How many there are: `20+` if there are more than are here."""
        return f"{len(self.jobs)}{'+' * self.more}"


@dataclass(frozen=True, slots=True)
class LatestJobs:
    """What runs, what went wrong in the last 24 hours, and what ended last; `running_query` and
    `failed_query` are what lists the same in the history. `note` says what of the latest jobs was
    left out."""

    running: SomeJobs
    running_query: str
    failed: SomeJobs
    failed_query: str
    ended: list[PastJob]
    note: str


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
    since = (pages.console.clock() - DAY).replace(microsecond=0)
    running = JobFilter(outcome=JobOutcome.OPEN)
    failed = JobFilter(outcome=JobOutcome.WENT_WRONG, since=since)
    # in the order in which jobs go: one that ends in between stands in one list, and in one alone
    open_jobs = await _some(pages, viewer, running, MAX_RUNNING)
    latest = await pages.jobs.history(viewer, JobFilter(), None, MAX_RUNNING + MAX_RECENT)
    shown = {one.job.id for one in open_jobs.jobs}
    ended = [one for one in latest.jobs if one.job.closed and one.job.id not in shown]
    return LatestJobs(
        open_jobs,
        query({"state": running.outcome}),
        await _some(pages, viewer, failed, MAX_FAILED),
        query({"state": failed.outcome, "since": f"{since:%Y-%m-%dT%H:%M:%SZ}"}),
        ended[:MAX_RECENT],
        latest.note,
    )


async def _some(pages: PageParts, viewer: Viewer, wanted: JobFilter, limit: int) -> SomeJobs:
    """Return the latest that are `wanted`."""
    found = await pages.jobs.history(viewer, wanted, None, limit + 1)
    more = found.next is not None or len(found.jobs) > limit
    return SomeJobs(list(found.jobs[:limit]), more)


async def _or_none(reading: Awaitable[T]) -> T | None:
    """Return what `reading` returns; None without the database: the rest of the page still says
    what it knows."""
    try:
        return await reading
    except DatabaseUnavailable:
        return None
