"""The bodies of services that have a form of their own, as alerts. Pure.

Uptime Kuma's webhook sends `{"heartbeat": ..., "monitor": ..., "msg": ...}`; `$JSON` in a webhook
of Healthchecks is the check, as its API shows it.

github.com/louislam/uptime-kuma, server/notification-providers/webhook.js
github.com/healthchecks/healthchecks, hc/integrations/webhook/transport.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.labels import ALERTNAME, HOST, spelled, written
from bot.ingest.model import Pushed
from bot.ingest.payload import fires, mapping, moment, text

LASTS = 3600.0
"""Seconds for which a message of Uptime Kuma fires that is about no monitor: nothing ends it."""
SAID = 4_096
"""Characters of a text that are kept."""
_DOWN, _UP = 0, 1
"""Uptime Kuma's numbers of a state; the others are pending and maintenance."""


def told_by(body: Mapping[str, Any], sender: str, now: float) -> list[Pushed] | None:
    """The alerts in the `body` of a service that is known; None if it is of none."""
    if "msg" in body and ("heartbeat" in body or "monitor" in body):
        return _uptime_kuma(body, sender, now)
    if "n_pings" in body and "status" in body:
        return _healthchecks(body, sender, now)
    return None


def _uptime_kuma(body: Mapping[str, Any], sender: str, now: float) -> list[Pushed]:
    beat, monitor = mapping(body.get("heartbeat")), mapping(body.get("monitor"))
    said = text(body.get("msg"), SAID)
    if not beat:  # a test, or a certificate that ends soon
        about = spelled({ALERTNAME: "uptime", "message": said})
        return [Pushed(about, True, now, sender, annotations={"summary": said}, ends=now + LASTS)]
    if beat.get("status") not in (_DOWN, _UP):
        return []
    tags = monitor.get("tags")
    labels: dict[str, object] = {
        written(tag.get("name")): tag.get("value") or "yes"
        for tag in (tags if isinstance(tags, list) else [])[:32]
        if isinstance(tag, Mapping) and tag.get("name")
    }
    labels |= {ALERTNAME: "uptime", "monitor": monitor.get("name") or beat.get("monitorID")}
    if monitor.get("hostname"):
        labels[HOST] = monitor["hostname"]
    address = text(monitor.get("url"), SAID)
    return [
        Pushed(
            spelled(labels),
            beat["status"] == _DOWN,
            now,
            sender,
            annotations={"summary": text(beat.get("msg"), SAID) or said},
            starts=moment(beat.get("time")),
            url=address if address not in ("http://", "https://") else "",
        )
    ]


def _healthchecks(body: Mapping[str, Any], sender: str, now: float) -> list[Pushed]:
    firing = fires(body.get("status"))
    if firing is None:  # new, started, grace, paused
        return []
    name = body.get("name") or body.get("slug") or body.get("unique_key")
    labels = spelled({ALERTNAME: "healthcheck", "check": name, "tags": body.get("tags")})
    said = text(body.get("desc"), SAID) or f"the check is {text(body.get('status'), 20)}"
    return [Pushed(labels, firing, now, sender, annotations={"summary": said})]
