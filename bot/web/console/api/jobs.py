"""`/api/v1/jobs` and `/jobs/{id}`: the jobs of the past, and one with its runs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from bot.jobs import Job, RunRecord
from bot.store.jobs.history import JobFilter, JobOutcome, Moment, PastJob
from bot.web.console.access import Viewer
from bot.web.console.api.csv_text import csv_text
from bot.web.console.api.job_models import (
    HoldShown,
    ListedJob,
    RunShown,
    WholeJob,
    job_fields,
    state_of,
)
from bot.web.console.api.models import problems
from bot.web.console.errors import not_a_position
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.jobs import JobReading, SeenHistory
from bot.web.console.times import QueryTime

PAGE, MOST = 50, 200
"""Jobs of a page, if it is not said how many; and at most."""

_Text = Annotated[str, Query(max_length=200)]
_COLUMNS = (
    *("id", "asked", "closed", "state", "servers", "states", "title", "command", "environment"),
    *("app", "person_id", "person", "front", "channel"),
)


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[ListedJob]
    next: str | None = Field(description="the `before` of the page that follows; null at the end")
    left_out: int = Field(description="jobs that were left out: you may not read them")
    note: str = Field(description="the same in words; empty if none was left out")


class HistoryQuery(BaseModel):
    """Which jobs are listed. All that is given must be true of a job."""

    person: str = Field("", max_length=200, description="who asked: an ID or a name")
    command: str = Field("", max_length=200)
    app: str = Field("", max_length=200)
    environment: str = Field("", max_length=200)
    server: str = Field(
        "", max_length=260, description="a server that the job was for: its name, or web-1 of it"
    )
    state: JobOutcome | None = Field(
        None, description=(JobOutcome.__doc__ or "").replace("\n    ", " ")
    )
    since: QueryTime | None = Field(None, description="asked then or later; UTC if it has no zone")
    until: QueryTime | None = Field(None, description="asked before then")
    q: str = Field("", max_length=200, description="part of the title or of the person's name")

    def filter(self) -> JobFilter:
        """Return it as the ledger takes it."""
        return JobFilter(
            person=self.person.strip().removeprefix("@"),
            command=self.command.strip().removeprefix("/"),
            app=self.app.strip(),
            environment=self.environment.strip(),
            server=self.server.strip(),
            outcome=self.state,
            since=self.since,
            until=self.until,
            text=self.q.strip(),
        )


class ListQuery(HistoryQuery):
    """Which jobs are listed, how many, and as what."""

    limit: int | None = Field(None, ge=1, le=MOST, description=f"{PAGE} if it is not given")
    before: str = Field("", max_length=100, description="the `next` of the page before")
    format: Literal["json", "csv"] = Field(
        "json", description="csv has all jobs that match, or `limit` of them"
    )


def job_routes(parts: ConsoleParts) -> APIRouter:
    """Return the routes that show jobs."""
    routes = APIRouter(tags=["jobs"])
    reading = JobReading(parts)

    @routes.get(
        "/jobs",
        response_model=JobList,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems()},
    )
    async def list_jobs(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        """List the jobs that match, newest first."""
        viewer = await parts.access.viewer(request)
        before = history_position(query.before)
        limit = query.limit or (MOST if query.format == "csv" else PAGE)
        found = await reading.history(viewer, query.filter(), before, limit)
        if query.format == "csv":
            text = _csv(reading, viewer, query, found)
            headers = {"Content-Disposition": 'attachment; filename="jobs.csv"'}
            return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")
        content = JobList(
            jobs=[ListedJob.of(past) for past in found.jobs],
            next=str(found.next) if found.next else None,
            left_out=found.left_out,
            note=found.note,
        )
        return JSONResponse(content.model_dump(mode="json"))

    @routes.get("/jobs/{id}", responses=problems(404))
    async def show_job(request: Request, id: str) -> WholeJob:
        """Show a job, by its ID or at least four characters of its beginning."""
        viewer = await parts.access.viewer(request)
        job, runs = await reading.job(viewer, id)
        return await whole_job(parts, reading, job, runs)

    return routes


async def whole_job(
    parts: ConsoleParts, reading: JobReading, job: Job, runs: tuple[RunRecord, ...]
) -> WholeJob:
    """Return a job with all its runs as the API shows it. Raises DatabaseUnavailable."""
    sizes = await parts.store.ledger.output_sizes(job.id)
    lines = {(size.host, size.attempt): size.lines for size in sizes}
    outcome = reading.outcome(job, runs)
    return WholeJob(
        **job_fields(job, state_of(job, runs)),
        summary=outcome.summary,
        notes=list(outcome.lines),
        hold=HoldShown.of(job, runs),
        runs=[RunShown.of(run, lines.get((run.host, run.attempt), 0)) for run in runs],
    )


def history_position(before: str) -> Moment | None:
    """Return the place in the history that `before` names. Raises Unusable."""
    try:
        return Moment.parse(before) if before else None
    except ValueError:
        raise not_a_position() from None


async def _csv(
    reading: JobReading, viewer: Viewer, query: ListQuery, found: SeenHistory
) -> AsyncIterator[str]:
    """Yield `found`, the first page, and what follows: all, or as many jobs as were asked for."""
    yield csv_text([_COLUMNS])
    left = query.limit or sys.maxsize
    while True:
        yield csv_text(_row(past) for past in found.jobs)
        left -= len(found.jobs)
        if found.next is None or left <= 0:
            return
        found = await reading.history(viewer, query.filter(), found.next, min(left, MOST))


def _row(past: PastJob) -> tuple[str, ...]:
    job = past.job
    states = sorted(past.states.items(), key=lambda each: each[0].value)
    return (
        job.id,
        job.asked.isoformat(),
        "" if job.closed is None else job.closed.isoformat(),
        past.state.value,
        str(sum(past.states.values())),
        ", ".join(f"{count} {state.value}" for state, count in states),
        job.title,
        job.command,
        job.environment,
        job.app or "",
        job.asked_by.id,
        job.asked_by.name,
        job.place.front,
        job.place.name or job.place.channel,
    )
