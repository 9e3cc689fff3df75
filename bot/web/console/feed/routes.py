"""The addresses of the streams of a job, and of the job as it was at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from bot.jobs import Job
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.news import BEGINNING, Position
from bot.web.console.api.job_models import JobShown, RunShown, job_fields, state_of
from bot.web.console.api.models import problems
from bot.web.console.errors import ConsoleError, Unavailable, Unusable
from bot.web.console.feed.event_models import EVENT_SCHEMA
from bot.web.console.feed.event_stream import EventStream
from bot.web.console.feed.feeds import Feeds
from bot.web.console.feed.frame import Rendering
from bot.web.console.feed.job_feed import ended_long_ago
from bot.web.console.feed.moment import job_at
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.jobs import JobReading
from bot.web.console.times import time_of

_JobName = Annotated[
    str, Path(min_length=4, max_length=64, description="the job's ID, or its first letters")
]
_After = Annotated[
    str | None,
    Query(max_length=32, description="the revision, or the event ID, from which on to send"),
]
_Last = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=32, description="the same; it wins over `after`"),
]
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events `news`, `resync` (read the lines again: some are in no event) "
        "and `end`. The data of the first two is a frame: `revision`, `job`, the `runs` that "
        "changed and the new `lines`. The ID of an event says where to go on.",
        "content": {"text/event-stream": {"itemSchema": EVENT_SCHEMA}},
    },
    204: {"description": "The job has ended, and everything was sent"},
    **problems(404, 429),
}


class JobThen(BaseModel):
    """A job as it was at a moment."""

    at: datetime = Field(description="the moment, in UTC")
    job: JobShown
    runs: list[RunShown] = Field(
        description="its share on each server, and how many lines of output there were"
    )


class FeedRoutes:
    """The routes of the streams in `feeds`."""

    def __init__(self, parts: ConsoleParts, feeds: Feeds) -> None:
        self._parts = parts
        self._ledger = parts.store.ledger
        self._feeds = feeds
        self._reading = JobReading(parts)

    def api(self) -> APIRouter:
        """Return the routes of the API."""
        routes = APIRouter(tags=["jobs"])

        @routes.get("/jobs/{job}/events", response_class=Response, responses=_EVENTS)
        async def events(
            request: Request, job: _JobName, after: _After = None, last: _Last = None
        ) -> Response:
            """Watch a job: everything so far, or since `after`, and then what is new."""
            return await self._stream(request, job, after, last, Rendering.API)

        @routes.get("/jobs/{job}/at", responses=problems(404))
        async def at(
            request: Request,
            job: _JobName,
            time: Annotated[
                str, Query(max_length=40, description="the moment, such as 2026-11-26T09:30:00Z")
            ],
        ) -> JobThen:
            """Return the job as it was at a moment."""
            return await self._then(request, job, time)

        return routes

    def pages(self) -> APIRouter:
        """Return the route that the page of a job reads."""
        routes = APIRouter()

        @routes.get("/jobs/{job}/events", include_in_schema=False)
        async def events(
            request: Request, job: _JobName, after: _After = None, last: _Last = None
        ) -> Response:
            return await self._stream(request, job, after, last, Rendering.PAGE)

        return routes

    async def _stream(
        self,
        request: Request,
        name: str,
        after: str | None,
        last: str | None,
        rendering: Rendering,
    ) -> Response:
        viewer = await self._parts.access.viewer(request)
        job, _ = await self._reading.job(viewer, name)
        begin = _position(last or after)
        if ended_long_ago(job, self._parts.clock()) and begin == Position(job.revision):
            # the one answer after which browsers do not come back
            return Response(status_code=204)
        person = f"{viewer.place.directory} {viewer.person.id}"

        async def may_read() -> bool:
            return await self._may_still_read(request, job)

        return EventStream(self._feeds, job.id, begin, rendering, person, may_read)

    async def _may_still_read(self, request: Request, job: Job) -> bool:
        """Return whether who sent `request` may still read `job`: not if their session has ended,
        or their rights have. What cannot be known now changes nothing."""
        try:
            viewer = await self._parts.access.viewer(request)
            await self._reading.job(viewer, job.id)
        except (Unavailable, DatabaseUnavailable):
            return True
        except ConsoleError:
            return False
        return True

    async def _then(self, request: Request, name: str, time: str) -> JobThen:
        viewer = await self._parts.access.viewer(request)
        job, runs = await self._reading.job(viewer, name)
        at = time_of(time, "time")
        then, were = job_at(job, runs, await self._ledger.said(job.id, at), at)
        state = state_of(then, tuple(each.run for each in were))
        return JobThen(
            at=at,
            job=JobShown(**job_fields(then, state)),
            runs=[RunShown.of(each.run, each.lines) for each in were],
        )


def _position(text: str | None) -> Position:
    """Return the position that a client names; the beginning if it names none."""
    if not text:
        return BEGINNING
    try:
        return Position.parse(text)
    except ValueError as error:
        raise Unusable(field="after", detail=f"This is no position: {error}.") from None
