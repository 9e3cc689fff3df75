"""`/api/v1/alerts`: what fires, what has fired, and silences. Whatever changes them is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from bot.web.console.access import Access
from bot.web.console.api.models import problems
from bot.web.console.reading.alerts import AlertReading, SeenAlert, SeenSilence


class AlertShown(BaseModel):
    """One alert, from firing to resolved."""

    id: str = Field(description="its ID, as commands take it: alerts ack ID, alerts why ID")
    title: str
    state: str = Field(description="firing, flapping, acknowledged, resolved or expired")
    severity: str
    text: str = Field(description="what was last reported")
    labels: dict[str, str]
    environment: str
    since: datetime
    ended: datetime | None
    acknowledged_by: str = Field(description="who acknowledged it; else empty")
    silenced: bool = Field(description="whether a silence mutes it")
    note: str = Field(description="why nobody is notified of it, or why it ended; else empty")
    number: int = Field(description="counts the times that this alert has fired")


class SilenceShown(BaseModel):
    """A silence that is active."""

    id: str
    matchers: str
    until: datetime
    by: str
    reason: str


class AlertList(BaseModel):
    """What fires, the oldest first, and the silences, the first to end first."""

    on: bool = Field(description="whether this bot has alerts")
    alerts: list[AlertShown]
    silences: list[SilenceShown]
    left_out: int = Field(description="alerts that were left out: you may not read them")
    note: str = Field(description="the same in words; empty if none was left out")
    blind_since: datetime | None = Field(
        description="since when no state changes, because the bot sees nothing; null if it does"
    )
    unpostable: dict[str, str] = Field(
        description="the channels that get no notifications, each with the reason"
    )


class AlertHistory(BaseModel):
    """What has fired, the latest first."""

    alerts: list[AlertShown]


def alert_routes(reading: AlertReading, access: Access) -> APIRouter:
    """Return the routes that show alerts."""
    routes = APIRouter(prefix="/alerts", tags=["alerts"])

    @routes.get("", responses=problems())
    async def list_alerts(
        request: Request, environment: Annotated[str, Query(max_length=64)] = ""
    ) -> AlertList:
        """List what fires: everywhere, or in one environment. To acknowledge, to silence or to
        read why, ask the words: alerts ack ID."""
        seen = await reading.read(await access.viewer(request))
        firing = [one for one in seen.firing if environment in ("", one.environment)]
        return AlertList(
            on=reading.on,
            alerts=[_shown(one) for one in firing],
            silences=[_silence(one) for one in seen.silences],
            left_out=seen.left_out,
            note=seen.note,
            blind_since=seen.blind_since,
            unpostable=dict(seen.unpostable),
        )

    @routes.get("/history", responses=problems())
    async def list_history(
        request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> AlertHistory:
        """List what has fired, of the last `limit` alerts those that the person may read."""
        past = await reading.history(await access.viewer(request), limit)
        return AlertHistory(alerts=[_shown(one) for one in past])

    return routes


def _shown(one: SeenAlert) -> AlertShown:
    return AlertShown(
        id=one.id,
        title=one.title,
        state=one.state,
        severity=one.severity,
        text=one.text,
        labels=dict(one.pairs),
        environment=one.environment,
        since=one.since,
        ended=one.ended,
        acknowledged_by=one.acknowledged_by,
        silenced=one.silenced,
        note=one.note,
        number=one.number,
    )


def _silence(one: SeenSilence) -> SilenceShown:
    return SilenceShown(
        id=one.id, matchers=one.matchers, until=one.until, by=one.by, reason=one.reason
    )
