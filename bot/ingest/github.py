"""Parses the webhooks of GitHub into alerts. Pure.

GitHub sends no token: it signs the body with one. A failure fires until the same workflow or
deployment succeeds.

docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from alerts.labels import ALERTNAME, ENV, sanitize
from bot.ingest.errors import BadInput
from bot.ingest.model import PushedAlert
from bot.ingest.payload import as_mapping, as_text, parse_time

MAX_TEXT = 4_096
"""Characters of a text that are stored."""
_BAD = frozenset(("failure", "timed_out", "startup_failure", "error"))
_GOOD = frozenset(("success",))


def is_signed(body: bytes, token: str, signature: str) -> bool:
    """Return whether `signature` (the header X-Hub-Signature-256) is that of `body` with
    `token`."""
    wanted = "sha256=" + hmac.new(token.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().lower().encode(errors="replace"))


def parse_delivery(event: str, body: object, *, sender: str, now: float) -> list[PushedAlert]:
    """Return the alerts in a delivery of `event` (the header X-GitHub-Event): none of an event that
    is no workflow run and no deployment. `now` is in Unix seconds. Raises BadInput."""
    if event not in ("workflow_run", "deployment_status"):
        return []
    given = as_mapping(body)
    found = given.get(event)
    if not isinstance(found, Mapping):
        raise BadInput(event, "field required: an object")
    if event == "workflow_run":
        return _workflow(found, given, sender, now)
    return _deployment(found, given, sender, now)


def _workflow(
    run: Mapping[str, Any], given: Mapping[str, Any], sender: str, now: float
) -> list[PushedAlert]:
    labels = {
        ALERTNAME: "workflow_failed",
        "repository": as_mapping(given.get("repository")).get("full_name"),
        "workflow": run.get("name"),
        "branch": run.get("head_branch"),
    }
    conclusion = as_text(run.get("conclusion"), 40)
    title, commit = as_text(run.get("display_title"), 200), as_text(run.get("head_sha"), 7)
    said = f"{conclusion}: {title} ({commit})"
    return _ended(labels, conclusion, said, run.get("html_url"), run, sender, now)


def _deployment(
    status: Mapping[str, Any], given: Mapping[str, Any], sender: str, now: float
) -> list[PushedAlert]:
    labels = {
        ALERTNAME: "deployment_failed",
        "repository": as_mapping(given.get("repository")).get("full_name"),
        ENV: status.get("environment") or as_mapping(given.get("deployment")).get("environment"),
    }
    state = as_text(status.get("state"), 40)
    said = f"{state}: {as_text(status.get('description'), 400)}"
    url = status.get("log_url") or status.get("target_url")
    return _ended(labels, state, said, url, status, sender, now)


def _ended(
    labels: Mapping[str, object],
    state: str,
    said: str,
    url: object,
    found: Mapping[str, Any],
    sender: str,
    now: float,
) -> list[PushedAlert]:
    if state not in _BAD | _GOOD:  # under way, cancelled, skipped
        return []
    return [
        PushedAlert(
            sanitize(labels),
            state in _BAD,
            now,
            sender,
            annotations={"summary": said},
            starts=parse_time(found.get("updated_at")),
            url=as_text(url, MAX_TEXT),
        )
    ]
