"""What Alertmanager sends to a webhook, and what it takes itself, as alerts. Pure.

A webhook's body (version 4) is an object with `alerts`; that of Alertmanager's own API v2
(`POST /api/v2/alerts`), which Prometheus speaks, is the list of them.

prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from bot.web.intake import Pushed
from bot.web.refusals import BadInput


def _some(labels: dict[str, str]) -> dict[str, str]:
    """An empty label is as good as none."""
    kept = {name: value for name, value in labels.items() if value}
    if not kept:
        raise ValueError("at least one label must be there, and not be empty")
    return kept


LabelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Lax(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Alert(_Lax):
    labels: Annotated[dict[LabelName, str], AfterValidator(_some)]
    annotations: dict[str, str] = Field(default_factory=dict)
    status: Literal["firing", "resolved"] | None = None
    starts: AwareDatetime | None = Field(default=None, alias="startsAt")
    ends: AwareDatetime | None = Field(default=None, alias="endsAt")
    url: str = Field(default="", alias="generatorURL")


class _Webhook(_Lax):
    # 1 is what Grafana calls the same body.
    version: Literal["4", "1"] = "4"
    alerts: list[_Alert]


_LIST = TypeAdapter(list[_Alert])


def pushed(body: bytes, *, sender: str, now: float) -> list[Pushed]:
    """The alerts in `body`, which came at `now` in Unix seconds. Raises BadInput."""
    try:
        if body.lstrip()[:1] == b"[":
            alerts = _LIST.validate_json(body)
        else:
            alerts = _Webhook.model_validate_json(body).alerts
    except ValidationError as error:
        raise BadInput.of(error) from None
    return [_pushed(alert, sender, now) for alert in alerts]


def _pushed(alert: _Alert, sender: str, now: float) -> Pushed:
    ends = _moment(alert.ends)
    firing = alert.status == "firing" if alert.status else ends is None or ends > now
    return Pushed(
        labels=alert.labels,
        firing=firing,
        at=now,
        sender=sender,
        annotations=alert.annotations,
        starts=_moment(alert.starts),
        ends=ends,
        url=alert.url,
    )


def _moment(moment: datetime | None) -> float | None:
    """Go's zero time, in the year 1, stands for none."""
    return None if moment is None or moment.year <= 1 else moment.timestamp()
