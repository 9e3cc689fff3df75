"""`/api/v1/jobs/{id}/log`, `/log.txt` and `/search`: the output of a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

from baton.text.words import did_you_mean
from bot.jobs import RunRecord
from bot.store.output.log_lines import LogQuery
from bot.store.output.log_slices import LogPosition
from bot.store.output.output_text import output_text
from bot.web.console.api.job_models import LineShown
from bot.web.console.api.models import problems
from bot.web.console.errors import Unusable
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.jobs import JobReading

MOST_LINES = 2_000
"""Lines of one page of a log, at most."""
MOST_HITS = 1_000
"""Lines that one search answers, at most."""

_Host = Annotated[str, Query(max_length=253, description="a server, by its name or first part")]


class LogPage(BaseModel):
    """Some lines of the output of a job on one server."""

    host: str
    attempt: int
    lines: list[LineShown]
    total: int = Field(description="lines of that output so far")
    next: int | None = Field(description="the line that follows, if there is one")


class SearchPage(BaseModel):
    """Lines that match."""

    lines: list[LineShown] = Field(description="by server, attempt and number")
    count: int | None = Field(
        description="how many lines match in all; null if this is not the first page"
    )
    whole: bool = Field(
        description="whether all output was looked through; if not, `count` is of a part, and "
        "the search goes on at `next`"
    )
    next: str | None = Field(description="the `after` of the page that follows; null at the end")


class LinesQuery(BaseModel):
    """Which lines of a log are shown."""

    host: str = Field(
        "", max_length=253, description="a server; not needed if the job has only one"
    )
    attempt: int | None = Field(None, ge=1, lt=2**31, description="the last one if not given")
    first: int = Field(1, ge=1, lt=2**62, description="the number of the first line, from 1")
    count: int = Field(500, ge=1, le=MOST_LINES, description="how many lines at most")


class SearchQuery(BaseModel):
    """What is searched for."""

    q: str = Field(min_length=1, max_length=200, description="part of a line, in any case")
    host: str = Field("", max_length=253, description="only on this server")
    step: str | None = Field(None, max_length=200, description="only in this step")
    limit: int = Field(100, ge=1, le=MOST_HITS, description="how many lines at most")
    after: str = Field("", max_length=400, description="the `next` of the page before")


def log_routes(parts: ConsoleParts) -> APIRouter:
    """Return the routes that show the output of jobs."""
    routes = APIRouter(tags=["logs"])
    reading, ledger = JobReading(parts), parts.store.ledger

    @routes.get("/jobs/{id}/log", responses=problems(404))
    async def log(request: Request, id: str, query: Annotated[LinesQuery, Query()]) -> LogPage:
        """Show lines of the output on one server, by their numbers."""
        job, runs = await reading.job(await parts.access.viewer(request), id)
        run = one_run(runs, query.host, query.attempt)
        sizes = await ledger.output_sizes(job.id, run.host)
        total = next((one.lines for one in sizes if one.attempt == run.attempt), 0)
        lines = await ledger.log_lines(job.id, run.host, run.attempt, query.first, query.count)
        following = lines[-1].number + 1 if lines else total + 1
        return LogPage(
            host=run.host,
            attempt=run.attempt,
            lines=[LineShown.of(line) for line in lines],
            total=total,
            next=following if following <= total else None,
        )

    @routes.get("/jobs/{id}/log.txt", response_class=PlainTextResponse, responses=problems(404))
    async def whole_log(request: Request, id: str, host: _Host = "") -> Response:
        """Download the whole output, or that of one server, whatever its size. Each line has its
        time in UTC, its server and its step."""
        job, runs = await reading.job(await parts.access.viewer(request), id)
        name = one_host(runs, host) if host else None
        return StreamingResponse(
            output_text(ledger, job.id, name),
            headers={"Content-Disposition": f'attachment; filename="{job.id}-output.txt"'},
            media_type="text/plain; charset=utf-8",
        )

    @routes.get("/jobs/{id}/search", responses=problems(404))
    async def search(
        request: Request, id: str, query: Annotated[SearchQuery, Query()]
    ) -> SearchPage:
        """Search all output of a job for part of a line; upper and lower case are the same."""
        job, runs = await reading.job(await parts.access.viewer(request), id)
        wanted = LogQuery(
            _words(query.q), one_host(runs, query.host) if query.host else None, query.step
        )
        found = await ledger.search_log(job.id, wanted, position(query.after), query.limit)
        return SearchPage(
            lines=[LineShown.of(line) for line in found.lines],
            count=found.count,
            whole=found.whole,
            next=str(found.next) if found.next else None,
        )

    return routes


def one_run(runs: tuple[RunRecord, ...], host: str, attempt: int | None) -> RunRecord:
    """Return the run on `host`, the last one if no attempt is named. Raises Unusable."""
    name = one_host(runs, host)
    attempts = {run.attempt: run for run in runs if run.host == name}
    found = attempts.get(max(attempts) if attempt is None else attempt)
    if found is None:
        detail = f"Attempt: {name} has {len(attempts)} in this job, and none has this number."
        raise Unusable(detail=detail, field="attempt")
    return found


def one_host(runs: tuple[RunRecord, ...], host: str) -> str:
    """Return the server of a job that is meant: by its whole name, by the first part of it, or by
    nothing if there is only one. Raises Unusable."""
    hosts = sorted({run.host for run in runs})
    if host in hosts:
        return host
    meant = hosts if not host else [name for name in hosts if name.partition(".")[0] == host]
    if len(meant) == 1:
        return meant[0]
    if not hosts:
        detail = "Host: no server has answered to this job yet."
    elif host:
        detail = f"Host: this job has no server “{host}”.{did_you_mean(host, hosts)}"
    else:
        detail = f"Host: this job has {len(hosts)} servers. Name one of them."
    raise Unusable(detail=detail, field="host")


def position(after: str) -> LogPosition | None:
    """Return the place in the output that `after` names. Raises Unusable."""
    try:
        return LogPosition.parse(after) if after else None
    except ValueError:
        detail = "After: it must be the `next` of another page, as it was answered."
        raise Unusable(detail=detail, field="after") from None


def _words(q: str) -> str:
    if "\n" in q:
        raise Unusable(detail="Q: a search is for part of one line, without a line end.", field="q")
    return q
