"""`/api/v1/schedules`: what is scheduled, and when it runs next. Whatever changes it is asked."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from bot.web.console.access import Access
from bot.web.console.api.models import problems
from bot.web.console.reading.schedules import ScheduleReading, SeenSchedule


class ScheduleShown(BaseModel):
    """A command that is asked again and again, or once at a time to come."""

    id: str = Field(description="its ID; commands take its beginning too: schedule pause ID")
    words: str = Field(description="the command that it asks")
    timing: str = Field(description="when it is asked, in words")
    zone: str = Field(description="the time zone of its times")
    by: str = Field(description="whose it is: their rights count")
    place: str = Field(description="the channel where its runs are shown")
    status: str = Field(description="active, paused or ended")
    note: str = Field(description="why it is paused or has ended; else empty")
    next: list[datetime] = Field(description="its next times; empty if it does not run again")
    outcome: str = Field(description="the result of its last run; empty before the first")
    runs: int
    failures: int = Field(description="the runs in a row that did not succeed")


class ScheduleList(BaseModel):
    """The schedules that the person may read, those that are due next first."""

    schedules: list[ScheduleShown]
    left_out: int = Field(description="schedules that were left out: you may not read them")
    note: str = Field(description="the same in words; empty if none was left out")


def schedule_routes(reading: ScheduleReading, access: Access) -> APIRouter:
    """Return the route that lists schedules."""
    routes = APIRouter(tags=["schedules"])

    @routes.get("/schedules", responses=problems())
    async def list_schedules(request: Request) -> ScheduleList:
        """List the schedules. To make, pause, resume, run or remove one, ask the words: schedule
        pause ID."""
        seen = await reading.read(await access.viewer(request))
        shown = [_shown(one) for one in seen.schedules]
        return ScheduleList(schedules=shown, left_out=seen.left_out, note=seen.note)

    return routes


def _shown(one: SeenSchedule) -> ScheduleShown:
    return ScheduleShown(
        id=one.id,
        words=one.words,
        timing=one.timing,
        zone=one.zone,
        by=one.by,
        place=one.place,
        status=one.status,
        note=one.note,
        next=list(one.next),
        outcome=one.outcome,
        runs=one.runs,
        failures=one.failures,
    )
