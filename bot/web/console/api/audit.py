"""`/api/v1/audit`: who asked what, where, and whether it was allowed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from bot.store.jobs.audit_entries import AuditFilter
from bot.web.console.access import Viewer
from bot.web.console.api.csv_text import csv_text
from bot.web.console.api.models import problems
from bot.web.console.errors import not_a_position
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.audit import SeenEntries, SeenEntry, read_audit
from bot.web.console.times import QueryTime

LAST = 2**53
"""The highest number of an entry."""
PAGE, MOST = 50, 200
"""Entries of a page, if it is not said how many; and at most."""
_COLUMNS = (
    *("time", "person_id", "person", "front", "place", "words", "verdict", "reason"),
    *("environment", "job"),
)
_Verdict = Literal["allowed", "refused", "undecided", "answered", "unusable", "limited"]


class AuditEntryShown(BaseModel):
    """A request, and what was said to it."""

    time: datetime
    person: str = Field(description="what the person is called")
    person_id: str
    front: str = Field(description="where it was asked: slack, terminal or console")
    place: str = Field(description="the channel")
    words: str = Field(description="what was typed")
    verdict: str
    reason: str = Field(description="why it was not allowed, or not usable; else empty")
    environment: str
    job: str = Field(description="the ID of the job that it started or is about; else empty")


class AuditList(BaseModel):
    """Entries of the audit log, the newest first."""

    audit: list[AuditEntryShown]
    next: str | None = Field(description="the `before` of the page that follows; null at the end")
    left_out: int = Field(description="entries that were left out: you may not read them")
    note: str = Field(description="the same in words; empty if none was left out")


class AuditQuery(BaseModel):
    """Which entries are listed. All that is given must be true of an entry."""

    person: str = Field("", max_length=256, description="who asked: an ID")
    environment: str = Field("", max_length=64)
    verdict: _Verdict | None = None
    since: QueryTime | None = Field(None, description="asked then or later; UTC if it has no zone")
    until: QueryTime | None = Field(None, description="asked before then")
    limit: int | None = Field(None, ge=1, le=MOST, description=f"{PAGE} if it is not given")
    before: int | None = Field(
        None, ge=1, le=LAST, description="the `next` of the page before: what is older than that"
    )
    format: Literal["json", "csv"] = Field(
        "json", description="csv has all entries that match, or `limit` of them"
    )

    def filter(self) -> AuditFilter:
        """Return it as the store takes it."""
        return AuditFilter(
            person=self.person,
            environment=self.environment,
            verdict=self.verdict or "",
            since=self.since,
            until=self.until,
        )


def audit_routes(parts: ConsoleParts) -> APIRouter:
    """Return the route that shows the audit log."""
    routes = APIRouter(tags=["audit"])

    @routes.get(
        "/audit",
        response_model=AuditList,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems()},
    )
    async def list_audit(request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
        """List the entries that match, the newest first."""
        viewer = await parts.access.viewer(request)
        limit = query.limit or (MOST if query.format == "csv" else PAGE)
        found = await read_audit(parts, viewer, query.filter(), limit=limit, before=query.before)
        if query.format == "csv":
            text = _csv(parts, viewer, query, found)
            headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
            return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")
        content = AuditList(
            audit=[_shown(one) for one in found.entries],
            next=None if found.next is None else str(found.next),
            left_out=found.left_out,
            note=found.note,
        )
        return JSONResponse(content.model_dump(mode="json"))

    return routes


def audit_position(before: str) -> int | None:
    """Return the place in the audit log that `before` names. Raises Unusable."""
    if not before:
        return None
    usable = before.isascii() and before.isdecimal() and len(before) < 17
    if usable and 1 <= int(before) <= LAST:
        return int(before)
    raise not_a_position()


async def _csv(
    parts: ConsoleParts, viewer: Viewer, query: AuditQuery, found: SeenEntries
) -> AsyncIterator[str]:
    """Yield `found`, the first page, and what follows: all, or as many entries as were asked
    for."""
    yield csv_text([_COLUMNS])
    left = query.limit or sys.maxsize
    while True:
        yield csv_text(_row(_shown(one)) for one in found.entries)
        left -= len(found.entries)
        if found.next is None or left <= 0:
            return
        limit = min(left, MOST)
        found = await read_audit(parts, viewer, query.filter(), limit=limit, before=found.next)


def _shown(one: SeenEntry) -> AuditEntryShown:
    entry = one.entry
    return AuditEntryShown(
        time=entry.time,
        person=entry.person.label,
        person_id=entry.person.id,
        front=entry.place.front,
        place=one.where,
        words=entry.words,
        verdict=entry.verdict,
        reason=entry.reason,
        environment=entry.environment,
        job=entry.job,
    )


def _row(one: AuditEntryShown) -> tuple[str, ...]:
    values = one.model_dump(mode="json")
    return tuple(str(values[column]) for column in _COLUMNS)
