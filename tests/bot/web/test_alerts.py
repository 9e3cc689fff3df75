"""Pushed alerts: Alertmanager's webhook, and the list that Prometheus sends to Alertmanager."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from alerts import Labels
from alerts.labels import sanitize
from bot.ingest.model import PushedAlert
from bot.web.tokens import RateLimit
from tests.bot.web.conftest import NOW, Away, Opened, Site

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
    first, second = site.sink.alerts
    assert first == PushedAlert(
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
    assert [(each.firing, each.ends) for each in site.sink.alerts] == [
        (True, NOW + 240),
        (False, NOW - 1),
        (True, None),
    ]
    assert site.sink.alerts[0].labels == LABELS


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        (b"", "body", "invalid JSON"),
        (b"{not json", "body", "invalid JSON"),
        (b"\xff\xfe", "body", "invalid JSON"),
        ("words", "body", "object or a list"),
        (b"[" * 100_000, "body", "recursion"),
        (b"null", "body", "object"),
        (b"{}", "alerts", "field required"),
        (webhook(alert(labels={})), "alerts[0].labels", "at least one label"),
        (webhook(alert(labels={"a": "", "b": None})), "alerts[0].labels", "at least one label"),
        (webhook(alert(labels=["a"])), "alerts[0].labels", "object"),
        (webhook(alert(status="broken")), "alerts[0].status", "'firing' or 'resolved'"),
        (webhook(alerts={}), "alerts", "array"),
        ([7, None], "[0]", "object"),
    ],
)
async def test_bad_input(site: Site, body: Any, field: str, told: str) -> None:
    """400 names the first field if nothing of it can be understood."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await site.push(content=content)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert told in answer.json()["error"]
    assert site.sink.alerts == []


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
    site = await opened(pushes=RateLimit(rate=2, burst=10), monotonic=lambda: 5.0)
    answers = [await site.push(json=[]) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "1"
    answer = await site.client.post("/alerts", json=[], params={"token": "ci-tökén"})
    assert answer.status_code == 200


async def test_what_cannot_be_kept_for_the_moment(site: Site) -> None:
    """503, which Alertmanager sends again; it is counted, and nobody need hear of it."""
    site.sink.fails = Away(reason="x")
    assert (await site.push(json={"labels": {"alertname": "DiskFull"}})).status_code == 503
    assert site.refused.counts == {("alertmanager", "unavailable"): 1}
    assert site.findings == []


async def test_a_fault_of_ours(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """500 without a trace; the log has it, and not the token."""
    site.sink.fails = RuntimeError("at /srv/secret/place")
    answer = await site.client.post(
        "/alerts", json={"labels": {"alertname": "DiskFull"}}, params={"token": "am-token"}
    )
    assert answer.status_code == 500
    assert answer.json() == {"error": "Internal error. See the log of the bot."}
    assert "secret/place" in caplog.text
    assert "am-token" not in caplog.text


async def test_other_methods(site: Site) -> None:
    """405 names those that are taken."""
    for method in ("GET", "DELETE", "OPTIONS"):
        answer: httpx.Response = await site.client.request(method, "/alerts?token=am-token")
        assert answer.status_code == 405
        assert {*answer.headers["Allow"].split(", ")} == {"POST", "PUT"}
    answer = await site.client.put("/checkin/b-token")
    assert answer.status_code == 405
    assert {*answer.headers["Allow"].split(", ")} == {"GET", "HEAD", "POST"}


ODD = [
    alert(labels={"alertname": "Queue", "service.name": "shop", "k8s.pod": "shop-1"}),
    alert(labels={"alertname": "Digest", "digest": "x" * 300}),
    alert(labels={"alertname": "Zone", "größe": "1", "9lives": "cat", "a" * 90: "b"}),
    alert(labels={"alertname": "Numbers", "port": 443, "canary": True, "none": None, "f": 1.5}),
    alert(labels={"alertname": "Nothing"}, annotations=None, generatorURL=None, startsAt=""),
    alert(labels={"alertname": "Notes"}, annotations={"summary": 5, "other": None, "x": ["y"]}),
    alert(labels={"alertname": "Shouted"}, status="Resolved"),
    alert(labels={"alertname": "Late"}, startsAt="yesterday", endsAt="2027-01-15T08:00:01"),
]


async def test_what_is_odd_is_spelled_otherwise(site: Site) -> None:
    """Nothing of this is a reason to lose an alert: each is taken, in one body with the others."""
    body = json.dumps({"version": 4, "alerts": [alert(), *ODD]})
    answer = await site.push(content=b"\xef\xbb\xbf" + body.encode())
    assert (answer.status_code, answer.json()) == (200, {"taken": 1 + len(ODD)})
    _, dotted, long, zone, numbers, nothing, notes, shouted, late = site.sink.alerts
    assert dotted.labels == {"alertname": "Queue", "service_name": "shop", "k8s_pod": "shop-1"}
    assert long.labels["digest"].startswith("x" * 240)
    assert len(long.labels["digest"]) <= 256
    assert {*zone.labels} > {"alertname", "gr__e", "_9lives"}
    assert max(map(len, zone.labels)) <= 64
    assert numbers.labels == {"alertname": "Numbers", "port": "443", "canary": "true", "f": "1.5"}
    assert (nothing.annotations, nothing.url, nothing.starts) == ({}, "", None)
    assert notes.annotations == {"summary": "5", "x": '["y"]'}
    assert not shouted.firing
    assert (late.firing, late.starts, late.ends) == (True, None, NOW + 1)
    assert site.refused.counts == {}


async def test_what_cannot_be_understood_costs_the_others_nothing(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good ones are taken with 200; the answer, the log, the metrics and people are told which
    were not, and why."""
    body = {
        "alerts": [alert(), alert(labels={}), 7, alert(status="\x1b[31mmaybe")],
        "truncatedAlerts": 3,
    }
    answer = await site.push(json=body)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["taken"], told["refused"]) == (1, 4)
    assert [one["field"] for one in told["reasons"]] == [
        "alerts[1].labels",
        "alerts[2]",
        "alerts[3].status",
        "truncatedAlerts",
    ]
    assert [each.labels for each in site.sink.alerts] == [LABELS]
    logged = capsys.readouterr().out
    assert "alerts rejected" in logged
    assert "alertmanager" in logged
    assert "at least one label" in logged
    metrics = (await site.client.get("/metrics")).text
    assert 'baton_refused_total{reason="invalid",sender="alertmanager"} 4.0' in metrics
    (finding,) = site.findings
    assert (finding.name, finding.about) == ("refused", {"sender": "alertmanager"})
    assert finding.text.startswith("4 alerts from alertmanager were rejected since 08:00 UTC.")
    assert "Last reason: alerts[1].labels: at least" in finding.text


async def test_whole_bodies_that_are_refused_are_told_too(site: Site) -> None:
    """What is no JSON, too large, or too much at once: counted by sender and reason."""
    await site.push(content=b"{nope")
    await site.push(content=b" " * 1_000_001)
    await site.client.post("/alerts?token=wrong", content=b"[]")
    assert site.refused.counts == {
        ("alertmanager", "invalid"): 1,
        ("alertmanager", "too_large"): 1,
        ("unknown", "unknown_token"): 1,
    }
    assert [one.about["sender"] for one in site.findings] == ["alertmanager"] * 2
    assert site.findings[-1].text.startswith("2 alerts from alertmanager were rejected since")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_grafana(site: Site, method: str) -> None:
    """It may send with PUT, and with the token as the password of basic authentication."""
    grafana = httpx.BasicAuth("grafana", "am-token")
    sent = {"version": "1", "alerts": [alert(annotations=None, values=None)]}
    for path in ("/alerts", "/alerts/"):
        answer = await site.client.request(method, path, json=sent, auth=grafana)
        assert (answer.status_code, answer.json()) == (200, {"taken": 1})


async def test_what_is_compressed(site: Site) -> None:
    """Gzip is read, and what grows beyond the largest body is not."""
    headers = {"Authorization": "Bearer am-token", "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps([alert()]).encode())
    answer = await site.client.post("/alerts", content=body, headers=headers)
    assert answer.json() == {"taken": 1}
    bomb = gzip.compress(b" " * 100_000_000)
    answer = await site.client.post("/alerts", content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (400, "body")
    headers["Content-Encoding"] = "br"
    answer = await site.client.post("/alerts", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (400, "content-encoding")


def test_what_differs_stays_different() -> None:
    """Names that are sanitize alike, values that begin alike, labels that are too many: whatever is
    left out, two alerts that differ in it are two."""
    assert sanitize({"a.b": "1", "a-b": "2", "a_b": "3"}) == sanitize(
        {"a_b": "3", "a-b": "2", "a.b": "1"}
    )
    names = sanitize({"a.b": "1", "a-b": "2", "a_b": "3"})
    assert len(names) == 3
    assert names["a_b"] == "3"
    long = [sanitize({"v": "x" * 300 + end})["v"] for end in "ab"]
    assert long[0] != long[1]
    many = [sanitize({**{f"l{n}": "x" for n in range(500)}, "last": end}) for end in "ab"]
    assert len(many[0]) <= 64
    assert many[0] != many[1]
    for labels in (names, *many):
        Labels.of(labels)
