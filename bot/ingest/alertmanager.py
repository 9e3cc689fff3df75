"""What is pushed to `/alerts`, as alerts. Pure.

A webhook's body of Alertmanager, or of Grafana, is an object with `alerts`; that of Alertmanager's
own API v2 (`POST /api/v2/alerts`), which Prometheus speaks, is the list of them. One alert alone
will do too, and so will what the services in services.py send.

Each alert is read by itself, as far as it can be understood: one that is odd costs the others
nothing, for Alertmanager never sends again what was answered with 4xx.

prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.labels import spelled
from bot.ingest.errors import BadInput
from bot.ingest.model import Pushed
from bot.ingest.payload import Batch, fires, mapping, moment, parsed, text
from bot.ingest.services import told_by

MOST = 5_000
"""Alerts that are taken of one body, at most."""
MOST_ANNOTATIONS = 64
LONGEST_ANNOTATION = 4_096
"""Characters of an annotation that are kept."""
_LINKS = {"dashboardURL": "Dashboard", "panelURL": "Panel", "silenceURL": "Silence there"}
"""What Grafana links to, beside the source."""


def pushed(body: bytes, *, sender: str, now: float) -> Batch[Pushed]:
    """The alerts in `body`, which came at `now` in Unix seconds.

    Raises BadInput if there is nothing in it that can be understood.
    """
    found = parsed(body)
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
            batch.refused.append(BadInput("truncatedAlerts", reason))
        return batch
    if "labels" in found:
        return Batch([_one(found, "", sender, now)])
    told = told_by(found, sender, now)
    if told is None:
        raise BadInput("alerts", "field required: the list of alerts")
    return Batch(told)


def _several(alerts: list[Any], place: str, sender: str, now: float) -> Batch[Pushed]:
    batch: Batch[Pushed] = Batch()
    for number, alert in enumerate(alerts[:MOST]):
        try:
            batch.taken.append(_one(alert, f"{place}[{number}]", sender, now))
        except BadInput as error:
            batch.refused.append(error)
    if len(alerts) > MOST:
        reason = f"there are {len(alerts)}, and {MOST} are taken at a time"
        batch.refused.append(BadInput(place or "body", reason))
    return batch


def _one(alert: object, place: str, sender: str, now: float) -> Pushed:
    if not isinstance(alert, Mapping):
        raise BadInput(place, "must be an object")
    dot = f"{place}." if place else ""
    labels = alert.get("labels")
    if not isinstance(labels, Mapping):
        raise BadInput(f"{dot}labels", "must be an object of names and values")
    kept = spelled(labels)
    if not kept:
        raise BadInput(f"{dot}labels", "at least one label must be there, and not be empty")
    ends = moment(alert.get("endsAt"))
    return Pushed(
        labels=kept,
        firing=_firing(alert.get("status"), ends, f"{dot}status", now),
        at=now,
        sender=sender,
        annotations=_annotations(alert.get("annotations")),
        starts=moment(alert.get("startsAt")),
        ends=ends,
        url=text(alert.get("generatorURL"), LONGEST_ANNOTATION),
        links={
            name: address
            for key, name in _LINKS.items()
            if (address := text(alert.get(key), LONGEST_ANNOTATION))
        },
    )


def _firing(status: object, ends: float | None, place: str, now: float) -> bool:
    if isinstance(status, Mapping):  # as Alertmanager's API answers
        status = status.get("state")
    if status is None or status == "":
        return ends is None or ends > now
    known = fires(status)
    if known is None:
        raise BadInput(place, "must be 'firing' or 'resolved'")
    return known


def _annotations(given: object) -> dict[str, str]:
    kept = {}
    for name, value in [*mapping(given).items()][:MOST_ANNOTATIONS]:
        if said := text(value, LONGEST_ANNOTATION):
            kept[name[:256]] = said
    return kept
