"""Pushed alerts: Alertmanager's webhook, and the list that Prometheus sends to Alertmanager."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from bot.web.door import Pace
from bot.web.intake import Pushed
from bot.web.refusals import BadInput
from tests.web.conftest import NOW, Away, Opened, Site

LABELS = {"alertname": "DiskFull", "host": "web-1", "env": "prod"}


def webhook(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As Alertmanager 0.27 sends it."""
    return {
        "receiver": "baton",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": LABELS,
        "commonAnnotations": {},
        "externalURL": "http://am:9093",
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": 0,
        **changes,
    }


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": LABELS,
        "annotations": {"summary": "2 % left"},
        "startsAt": "2027-01-15T07:59:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prom/graph?g0.expr=x",
        "fingerprint": "8ed2e9fbf3a4d0f5",
        **changes,
    }


async def test_the_webhook(site: Site) -> None:
    """Each alert of the group is taken as it is now; Go's zero time means that it does not end."""
    resolved = alert(status="resolved", endsAt="2027-01-15T08:00:00Z")
    answer = await site.push(json=webhook(alert(), resolved))
    assert (answer.status_code, answer.json()) == (200, {"taken": 2})
    first, second = site.intake.alerts
    assert first == Pushed(
        labels=LABELS,
        firing=True,
        at=NOW,
        sender="alertmanager",
        annotations={"summary": "2 % left"},
        starts=1_799_999_940.123456,
        ends=None,
        url="http://prom/graph?g0.expr=x",
    )
    assert (second.firing, second.ends) == (False, NOW)


@pytest.mark.parametrize("path", ["/alerts", "/api/v2/alerts"])
async def test_the_list_of_the_api(site: Site, path: str) -> None:
    """What Prometheus sends: an end that is still to come is when it is over by itself."""
    body = [
        {"labels": {**LABELS, "empty": ""}, "endsAt": "2027-01-15T08:04:00+00:00"},
        {"labels": LABELS, "endsAt": "2027-01-15T07:59:59Z"},
        {"labels": LABELS},
    ]
    answer = await site.client.post(path, json=body, params={"token": "am-token"})
    assert answer.status_code == 200
    assert [(each.firing, each.ends) for each in site.intake.alerts] == [
        (True, NOW + 240),
        (False, NOW - 1),
        (True, None),
    ]
    assert site.intake.alerts[0].labels == LABELS


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        (b"", "body", "EOF"),
        (b"{not json", "body", "invalid JSON"),
        (b"\xff\xfe", "body", "invalid JSON"),
        (b"[" * 100_000, "body", "recursion"),
        (b"null", "body", "object"),
        (b"{}", "alerts", "field required"),
        (webhook(alert(), alert(labels={})), "alerts[1].labels", "at least one label"),
        (webhook(alert(labels={"a": ""})), "alerts[0].labels", "at least one label"),
        (webhook(alert(labels={"a": 1})), "alerts[0].labels.a", "string"),
        (webhook(alert(status="broken")), "alerts[0].status", "'firing' or 'resolved'"),
        (webhook(alert(startsAt="yesterday")), "alerts[0].startsAt", "datetime"),
        (webhook(alert(startsAt="2027-01-15T08:00:00")), "alerts[0].startsAt", "timezone"),
        (webhook(version="5"), "version", "'4'"),
        (webhook(alerts={}), "alerts", "array"),
        ([alert(), 7], "[1]", "object"),
    ],
)
async def test_bad_input(site: Site, body: Any, field: str, told: str) -> None:
    """400 names the field, and nothing of what was sent together is taken."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await site.push(content=content)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert told in answer.json()["error"]
    assert site.intake.alerts == []


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"Authorization": "Bearer wrong"}, {}),
        ({"Authorization": "Bearer"}, {}),
        ({"Authorization": "Bearer wrong"}, {"token": "am-token"}),
        ({"Authorization": "Basic am-token"}, {}),
        ({"Authorization": "Bearer b-token"}, {}),
        ({}, {"token": ""}),
    ],
)
async def test_no_token(site: Site, headers: dict[str, str], query: dict[str, str]) -> None:
    """Missing, wrong, or one of a check-in: 401 says how it is sent; the body is not looked at."""
    for path in ("/alerts", "/events"):
        answer = await site.client.post(path, content=b"{", headers=headers, params=query)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in answer.json()["error"]


async def test_a_token_beyond_ascii(site: Site) -> None:
    """As a query it may hold whatever it likes."""
    answer = await site.client.post("/alerts", json=[], params={"token": "ci-tökén"})
    assert answer.status_code == 200


async def test_a_flood(opened: Opened) -> None:
    """429 for the one who floods, and for nobody else."""
    site = await opened(pushes=Pace(rate=2, burst=10), monotonic=lambda: 5.0)
    answers = [await site.push(json=[]) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "1"
    answer = await site.client.post("/alerts", json=[], params={"token": "ci-tökén"})
    assert answer.status_code == 200


async def test_what_the_intake_will_not_take(site: Site) -> None:
    """It names a field as we do; what may pass is 503, which Alertmanager sends again."""
    site.intake.fails = BadInput("alerts[0].labels", "a label that nobody routes")
    assert (await site.push(json=[])).json() == {
        "error": "alerts[0].labels: a label that nobody routes.",
        "field": "alerts[0].labels",
    }
    site.intake.fails = Away(reason="x")
    assert (await site.push(json=[])).status_code == 503


async def test_a_fault_of_ours(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """500 without a trace; the log has it, and not the token."""
    site.intake.fails = RuntimeError("at /srv/secret/place")
    answer = await site.client.post("/alerts", json=[], params={"token": "am-token"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong here; the log says what."}
    assert "secret/place" in caplog.text
    assert "am-token" not in caplog.text


async def test_other_methods(site: Site) -> None:
    """405 names those that are taken."""
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        answer: httpx.Response = await site.client.request(method, "/alerts?token=am-token")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
    answer = await site.client.put("/checkin/b-token")
    assert answer.status_code == 405
    assert {*answer.headers["Allow"].split(", ")} == {"GET", "HEAD", "POST"}
