"""Parses the bodies of services that have a format of their own into alerts. Pure.

Uptime Kuma's webhook sends `{"heartbeat": ..., "monitor": ..., "msg": ...}`; `$JSON` in a webhook
of Healthchecks is the check, as its API shows it.

github.com/louislam/uptime-kuma, server/notification-providers/webhook.js
github.com/healthchecks/healthchecks, hc/integrations/webhook/transport.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.labels import ALERTNAME, HOST, json_text, sanitize
from bot.ingest.model import PushedAlert
from bot.ingest.payload import as_mapping, as_text, is_firing, parse_time

FIRES_FOR = 3600.0
"""Seconds for which a message of Uptime Kuma fires that is about no monitor: no other ends it."""
MAX_TEXT = 4_096
"""Characters of a text that are stored."""
_DOWN, _UP = 0, 1
"""Uptime Kuma's numbers of a state; the others are pending and maintenance."""


def parse_service(body: Mapping[str, Any], sender: str, now: float) -> list[PushedAlert] | None:
    """Return the alerts in the `body` of a known service; None if it is of none of them."""
    if "msg" in body and ("heartbeat" in body or "monitor" in body):
        return _uptime_kuma(body, sender, now)
    if "n_pings" in body and "status" in body:
        return _healthchecks(body, sender, now)
    return None


def _uptime_kuma(body: Mapping[str, Any], sender: str, now: float) -> list[PushedAlert]:
    beat, monitor = as_mapping(body.get("heartbeat")), as_mapping(body.get("monitor"))
    said = as_text(body.get("msg"), MAX_TEXT)
    if not beat:  # a test, or a certificate that ends soon
        about = sanitize({ALERTNAME: "uptime", "message": said})
        return [
            PushedAlert(
                about, True, now, sender, annotations={"summary": said}, ends=now + FIRES_FOR
            )
        ]
    if beat.get("status") not in (_DOWN, _UP):
        return []
    tags = monitor.get("tags")
    labels: dict[str, object] = {
        json_text(tag.get("name")): tag.get("value") or "yes"
        for tag in (tags if isinstance(tags, list) else [])[:32]
        if isinstance(tag, Mapping) and tag.get("name")
    }
    labels |= {ALERTNAME: "uptime", "monitor": monitor.get("name") or beat.get("monitorID")}
    if monitor.get("hostname"):
        labels[HOST] = monitor["hostname"]
    address = as_text(monitor.get("url"), MAX_TEXT)
    return [
        PushedAlert(
            sanitize(labels),
            beat["status"] == _DOWN,
            now,
            sender,
            annotations={"summary": as_text(beat.get("msg"), MAX_TEXT) or said},
            starts=parse_time(beat.get("time")),
            url=address if address not in ("http://", "https://") else "",
        )
    ]


def _healthchecks(body: Mapping[str, Any], sender: str, now: float) -> list[PushedAlert]:
    firing = is_firing(body.get("status"))
    if firing is None:  # new, started, grace, paused
        return []
    name = body.get("name") or body.get("slug") or body.get("unique_key")
    labels = sanitize({ALERTNAME: "healthcheck", "check": name, "tags": body.get("tags")})
    said = as_text(body.get("desc"), MAX_TEXT) or f"the check is {as_text(body.get('status'), 20)}"
    return [PushedAlert(labels, firing, now, sender, annotations={"summary": said})]
