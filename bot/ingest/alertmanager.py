"""Parses what is pushed to `/alerts` into alerts. Pure.

A webhook's body of Alertmanager, or of Grafana, is an object with `alerts`; that of Alertmanager's
own API v2 (`POST /api/v2/alerts`), which Prometheus speaks, is the list of them. One alert alone
is accepted too, and so is what the services in services.py send.

Each alert is read by itself, as far as it can be understood: one that is odd costs the others
nothing, for Alertmanager never sends again what was answered with 4xx.

prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.labels import sanitize
from bot.ingest.errors import BadInput
from bot.ingest.model import PushedAlert
from bot.ingest.payload import Batch, as_mapping, as_text, is_firing, parse_json, parse_time
from bot.ingest.services import parse_service

MAX_ALERTS = 5_000
"""Alerts that are accepted of one body, at most."""
MAX_ANNOTATIONS = 64
MAX_ANNOTATION = 4_096
"""Characters of an annotation that are stored."""
_LINKS = {"dashboardURL": "Dashboard", "panelURL": "Panel", "silenceURL": "Silence there"}
"""What Grafana links to, beside the source."""


def parse_alerts(body: bytes, *, sender: str, now: float) -> Batch[PushedAlert]:
    """Return the alerts in `body`, which came at `now` in Unix seconds, and why each other is
    rejected.

    Raises BadInput if nothing in it can be understood.
    """
    found = parse_json(body)
    if isinstance(found, list):
        return _several(found, "", sender, now)
    if not isinstance(found, Mapping):
        raise BadInput("body", "must be an object or a list")
    if "alerts" in found:
        if not isinstance(found["alerts"], list):
            raise BadInput("alerts", "must be an array")
        batch = _several(found["alerts"], "alerts", sender, now)
        left_out = found.get("truncatedAlerts")
        if isinstance(left_out, int) and left_out > 0:
            reason = f"the sender left out {left_out} more alerts (max_alerts in its settings)"
            batch.rejected.append(BadInput("truncatedAlerts", reason))
        return batch
    if "labels" in found:
        return Batch([_one(found, "", sender, now)])
    told = parse_service(found, sender, now)
    if told is None:
        raise BadInput("alerts", "field required: the list of alerts")
    return Batch(told)


def _several(alerts: list[Any], place: str, sender: str, now: float) -> Batch[PushedAlert]:
    batch: Batch[PushedAlert] = Batch()
    for number, alert in enumerate(alerts[:MAX_ALERTS]):
        try:
            batch.accepted.append(_one(alert, f"{place}[{number}]", sender, now))
        except BadInput as error:
            batch.rejected.append(error)
    if len(alerts) > MAX_ALERTS:
        reason = f"there are {len(alerts)}; the limit is {MAX_ALERTS} at a time"
        batch.rejected.append(BadInput(place or "body", reason))
    return batch


def _one(alert: object, place: str, sender: str, now: float) -> PushedAlert:
    if not isinstance(alert, Mapping):
        raise BadInput(place, "must be an object")
    dot = f"{place}." if place else ""
    labels = alert.get("labels")
    if not isinstance(labels, Mapping):
        raise BadInput(f"{dot}labels", "must be an object of names and values")
    kept = sanitize(labels)
    if not kept:
        raise BadInput(f"{dot}labels", "at least one label must be there, and not be empty")
    ends = parse_time(alert.get("endsAt"))
    return PushedAlert(
        labels=kept,
        firing=_firing(alert.get("status"), ends, f"{dot}status", now),
        at=now,
        sender=sender,
        annotations=_annotations(alert.get("annotations")),
        starts=parse_time(alert.get("startsAt")),
        ends=ends,
        url=as_text(alert.get("generatorURL"), MAX_ANNOTATION),
        links={
            name: address
            for key, name in _LINKS.items()
            if (address := as_text(alert.get(key), MAX_ANNOTATION))
        },
    )


def _firing(status: object, ends: float | None, place: str, now: float) -> bool:
    if isinstance(status, Mapping):  # as Alertmanager's API answers
        status = status.get("state")
    if status is None or status == "":
        return ends is None or ends > now
    known = is_firing(status)
    if known is None:
        raise BadInput(place, "must be 'firing' or 'resolved'")
    return known


def _annotations(given: object) -> dict[str, str]:
    kept = {}
    for name, value in [*as_mapping(given).items()][:MAX_ANNOTATIONS]:
        if said := as_text(value, MAX_ANNOTATION):
            kept[name[:256]] = said
    return kept
