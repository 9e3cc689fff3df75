"""Webhooks of GitHub, as alerts. Pure.

GitHub sends no token: it signs the body with one. What has failed fires until the same succeeds.

docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from alerts.labels import ALERTNAME, ENV, spelled
from bot.ingest.errors import BadInput
from bot.ingest.model import Pushed
from bot.ingest.payload import mapping, moment, text

SAID = 4_096
"""Characters of a text that are kept."""
_BAD = frozenset(("failure", "timed_out", "startup_failure", "error"))
_GOOD = frozenset(("success",))


def signed(body: bytes, token: str, signature: str) -> bool:
    """Whether `signature`, the header X-Hub-Signature-256, is that of `body` with `token`."""
    wanted = "sha256=" + hmac.new(token.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().lower().encode(errors="replace"))


def delivered(event: str, body: object, *, sender: str, now: float) -> list[Pushed]:
    """The alerts in a delivery of `event`, the header X-GitHub-Event; none if it is of no interest
    here. Raises BadInput."""
    if event not in ("workflow_run", "deployment_status"):
        return []
    given = mapping(body)
    found = given.get(event)
    if not isinstance(found, Mapping):
        raise BadInput(event, "field required: an object")
    if event == "workflow_run":
        return _workflow(found, given, sender, now)
    return _deployment(found, given, sender, now)


def _workflow(
    run: Mapping[str, Any], given: Mapping[str, Any], sender: str, now: float
) -> list[Pushed]:
    labels = {
        ALERTNAME: "workflow_failed",
        "repository": mapping(given.get("repository")).get("full_name"),
        "workflow": run.get("name"),
        "branch": run.get("head_branch"),
    }
    conclusion = text(run.get("conclusion"), 40)
    said = f"{conclusion}: {text(run.get('display_title'), 200)} ({text(run.get('head_sha'), 7)})"
    return _ended(labels, conclusion, said, run.get("html_url"), run, sender, now)


def _deployment(
    status: Mapping[str, Any], given: Mapping[str, Any], sender: str, now: float
) -> list[Pushed]:
    labels = {
        ALERTNAME: "deployment_failed",
        "repository": mapping(given.get("repository")).get("full_name"),
        ENV: status.get("environment") or mapping(given.get("deployment")).get("environment"),
    }
    state = text(status.get("state"), 40)
    said = f"{state}: {text(status.get('description'), 400)}"
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
) -> list[Pushed]:
    if state not in _BAD | _GOOD:  # under way, cancelled, skipped
        return []
    return [
        Pushed(
            spelled(labels),
            state in _BAD,
            now,
            sender,
            annotations={"summary": said},
            starts=moment(found.get("updated_at")),
            url=text(url, SAID),
        )
    ]
